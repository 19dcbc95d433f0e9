"""Texts of three classes that a single word tells apart, and a value that goes with it."""

import numpy as np
import pandas as pd

FILLERS = ["the", "film", "movie", "book", "plot", "actor", "story", "very", "this", "that", "it", "is"]
TELLING = {"neg": ("bad", "awful"), "pos": ("good", "great"), "bio": ("cell", "protein")}
WORTH = {"neg": -1.0, "pos": 1.5, "bio": 0.0}


def said(rows: int, seed: int = 0) -> pd.DataFrame:
    """Columns id, text, more, y and v; classes in turn."""
    rng = np.random.default_rng(seed)
    labels = [list(TELLING)[i % 3] for i in range(rows)]
    texts = []
    for label in labels:
        words = list(rng.choice(FILLERS, 10))
        words.insert(int(rng.integers(11)), str(rng.choice(TELLING[label])))
        texts.append(" ".join(words))
    values = [round(WORTH[label] + float(rng.normal(0, 0.2)), 4) for label in labels]
    more = [" ".join(rng.choice(FILLERS, 4)) for _ in labels]
    return pd.DataFrame({"id": range(rows), "text": texts, "more": more, "y": labels, "v": values})
