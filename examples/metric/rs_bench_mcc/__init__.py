"""The Matthews correlation coefficient: a metric for rs-bench."""
