"""Submitting an entry, checking it, and taking it in."""
