"""Benchmarks on public data sets: which sets, which methods, by which protocol."""
