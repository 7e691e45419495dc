"""Declarations: tasks, input contracts, recipes and entries. Nothing is loaded."""
