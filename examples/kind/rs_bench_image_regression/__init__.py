"""Regression of one number for each image: a kind of task for rs-bench."""
