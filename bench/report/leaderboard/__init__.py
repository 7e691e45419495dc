"""The leaderboard: from the results database to one HTML page.

`render` makes the page, `write` puts it into a file. It imports neither the evaluator nor torch: a
page can be made wherever the database is.
"""

from bench.report.leaderboard.page import render, write

__all__ = ["render", "write"]
