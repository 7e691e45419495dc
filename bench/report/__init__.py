"""What is known: comparisons, curves, folds and the leaderboard page."""
