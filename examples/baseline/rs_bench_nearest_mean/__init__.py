"""The nearest mean spectrum: a baseline for rs-bench."""
