"""Which molecules of a library to take next: scores to rank by, and the best of a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rdkit.rdBase import BlockLogs

from molweight.errors import ConfigError, DataError
from molweight.molecules.scaffolds import murcko_scaffold

Direction = Literal["max", "min"]
Values = NDArray[np.float32] | NDArray[np.float64]
_SIGNS = {"max": 1.0, "min": -1.0}


def exploit(predicted: Values, direction: Direction) -> NDArray[np.float64]:
    """Rank by the prediction alone: the higher the score, the better the molecule.

    Args:
        predicted: values or probabilities of class 1, of any shape.
        direction: whether the largest or the smallest are sought.

    Raises:
        ConfigError: if there is no such direction.
    """
    return _sign(direction) * predicted.astype(np.float64)


def confidence_bound(
    mean: Values, std: Values, direction: Direction, kappa: float = 1.0
) -> NDArray[np.float64]:
    """Rank by what a molecule might have: mean + κ·std (Srinivas, Krause, Kakade & Seeger, ICML 2010).

    Where the smallest are sought it is the lower bound, turned round: −(mean − κ·std). For classes, mean and
    std are those of the members' probabilities; a bound above 1 ranks as it is, lest it tie with others.

    Args:
        mean: of the members, of any shape.
        std: of the members, of the same shape.
        direction: whether the largest or the smallest are sought.
        kappa: what uncertainty is worth; 0 is `exploit`.

    Raises:
        ConfigError: if there is no such direction, or κ is negative or not finite.

    >>> confidence_bound(np.array([1.0, 2.0]), np.array([3.0, 1.0]), "min", kappa=1.0)
    array([ 2., -1.])
    """
    if not 0 <= kappa < np.inf:
        raise ConfigError(f"kappa must be 0 or a positive number, got {kappa}; try 1")
    return exploit(mean, direction) + kappa * std.astype(np.float64)


@dataclass(frozen=True)
class Best:
    """The best of what has been seen of a stream, best first; of equal scores the lower row comes first.

    With `per_scaffold`, only the best molecule of each Murcko scaffold counts. This too is exact: whatever
    of the first k scaffolds' best members comes last finds fewer than k better ones. Acyclic molecules all
    have the empty scaffold, so one of them is kept.

    Attributes:
        k: how many to keep.
        per_scaffold: whether each scaffold counts once.
        scores: float64 [kept].
        rows: int64 [kept].
        scaffolds: of the kept, where each counts once; else empty.
    """

    k: int
    per_scaffold: bool
    scores: NDArray[np.float64]
    rows: NDArray[np.int64]
    scaffolds: tuple[str, ...]

    @classmethod
    def nothing(cls, k: int, per_scaffold: bool = False) -> "Best":
        """Before the stream.

        Raises:
            ConfigError: if k is not positive.
        """
        if k < 1:
            raise ConfigError(f"the number of molecules to keep must be at least 1, got {k}")
        return cls(k, per_scaffold, np.zeros(0), np.zeros(0, np.int64), ())

    def add(self, scores: NDArray[np.float64], rows: NDArray[np.int64], smiles: Sequence[str] = ()) -> "Best":
        """With another chunk of the stream; memory is that of k and of the chunk.

        Args:
            scores: [molecules], higher is better.
            rows: [molecules], no row twice in the stream.
            smiles: of the molecules, needed for `per_scaffold`. A scaffold is computed only for molecules
                that may be among the best.

        Raises:
            DataError: if a score is NaN, or a molecule that needs a scaffold is not valid SMILES.
        """
        unknown = np.flatnonzero(np.isnan(scores))
        if len(unknown):
            raise DataError(f"row {rows[unknown[0]]}: its score is not a number, so it has no rank")
        if self.per_scaffold and len(smiles) != len(scores):
            raise ValueError(f"{len(scores)} scores need as many SMILES to keep one per scaffold")
        hopeful = self._hopeful(scores)
        all_scores = np.concatenate([self.scores, scores[hopeful]])
        all_rows = np.concatenate([self.rows, rows[hopeful]])
        order = np.lexsort((all_rows, -all_scores))
        if not self.per_scaffold:
            kept = order[: self.k]
            return replace(self, scores=all_scores[kept], rows=all_rows[kept])
        first = dict(self._first_of_scaffolds(order, [smiles[i] for i in hopeful]))
        kept = np.array(list(first.values()), np.int64)
        return replace(self, scores=all_scores[kept], rows=all_rows[kept], scaffolds=tuple(first))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The scores and rows by name."""
        return {"scores": self.scores, "rows": self.rows}

    def _hopeful(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Positions that are not below the last of the kept."""
        return np.flatnonzero(scores >= (self.scores[-1] if len(self.scores) == self.k else -np.inf))

    def _first_of_scaffolds(
        self, order: NDArray[np.int64], smiles: Sequence[str]
    ) -> Iterator[tuple[str, int]]:
        """The first k scaffolds in this order of the kept and the new, each with its first place."""
        seen: set[str] = set()
        old = len(self.scores)
        with BlockLogs():
            for place in order.tolist():
                scaffold = self.scaffolds[place] if place < old else murcko_scaffold(smiles[place - old])
                if scaffold not in seen:
                    seen.add(scaffold)
                    yield scaffold, place
                if len(seen) == self.k:
                    return


def _sign(direction: str) -> float:
    if direction not in _SIGNS:
        raise ConfigError(f"direction must be max or min, got {direction!r}")
    return _SIGNS[direction]
