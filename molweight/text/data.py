"""Texts, or pairs of texts, with the class or the value of each."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molweight.tasks.data import TaskKind


@dataclass(frozen=True)
class TextData:
    """A data set of texts.

    Attributes:
        texts: one for each row.
        pairs: the second text of each row, or None where a row is one text.
        labels: float32 [texts], the number of the class or the value; NaN where hidden or missing.
        classes: names of the classes in the order of their numbers; empty for values.
        kind: of the labels.
    """

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: NDArray[np.float32]
    classes: tuple[str, ...]
    kind: TaskKind

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def outputs(self) -> int:
        """Numbers that a model gives for a text: one for each class, or one value."""
        return len(self.classes) if self.kind == "classification" else 1

    def hide_labels(self, texts: NDArray[np.int64]) -> "TextData":
        """The same data with the labels of some texts missing."""
        labels = self.labels.copy()
        labels[texts] = np.nan
        return replace(self, labels=labels)

    def take(self, texts: NDArray[np.int64]) -> "TextData":
        """Some of the rows, in the order they are named."""
        pairs = None if self.pairs is None else tuple(self.pairs[i] for i in texts)
        return replace(
            self, texts=tuple(self.texts[i] for i in texts), pairs=pairs, labels=self.labels[texts]
        )
