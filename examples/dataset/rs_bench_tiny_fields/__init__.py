"""Tiny fields: a dataset for rs-bench."""
