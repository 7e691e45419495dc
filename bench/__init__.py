"""rs-bench: one benchmark harness for remote-sensing machine learning."""

from bench.base.version import __version__

__all__ = ["__version__"]
