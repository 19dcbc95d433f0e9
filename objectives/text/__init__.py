"""Objectives on texts, as tensor programs on a whole batch of tokens."""
