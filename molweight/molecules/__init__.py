"""From strings to batches of molecular graphs: parse, featurise, store, collate, split."""
