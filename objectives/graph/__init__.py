"""Objectives on molecular graphs, as tensor programs on a whole batch."""
