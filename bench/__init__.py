"""rs-bench: one benchmark harness for remote-sensing machine learning."""

__version__ = "0.1.0"
