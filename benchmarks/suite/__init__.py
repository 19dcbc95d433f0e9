"""Many data sets, methods and seeds in one folder of results, and what these say together."""
