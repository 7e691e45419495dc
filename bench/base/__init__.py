"""Foundations that know nothing of benchmarks: errors, files, locks, limits, untrusted input."""
