"""Labelled texts: their problems for the solver, methods, baselines and metrics."""
