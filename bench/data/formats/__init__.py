"""File formats that datasets come in."""
