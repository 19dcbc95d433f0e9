"""Applicability domain: how near the training set a molecule lies, by Tanimoto similarity of fingerprints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molweight.errors import DataError
from molweight.molecules.fingerprints import packed_ecfp4
from molweight.molecules.store import FINGERPRINT_BITS
from molweight.screening.stored import Arrays, refuse_unless, stored

QUANTILE = 0.05  # of the training molecules lie, by the threshold, outside the domain of the others


@dataclass(frozen=True)
class Neighbours:
    """The nearest training molecule of each query.

    Attributes:
        index: int64 [molecules], its position in the training set; the first of equally near ones.
        similarity: float64 [molecules], Tanimoto, 0 to 1.
        inside: bool [molecules], whether that is at least the threshold.
    """

    index: NDArray[np.int64]
    similarity: NDArray[np.float64]
    inside: NDArray[np.bool_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Neighbours":
        """Back from a file.

        Raises:
            CheckpointError: if an array is missing or of another type or shape.
        """
        index = stored(arrays, "index", np.int64, (None,))
        similarity = stored(arrays, "similarity", np.float64, index.shape)
        return cls(index, similarity, stored(arrays, "inside", np.bool_, index.shape))


@dataclass(frozen=True)
class Domain:
    """Fingerprints of the training molecules, and how similar to one of them a query must be.

    A molecule outside is unlike what was learnt from; one inside may still be predicted badly.

    Attributes:
        fingerprints: uint8 [molecules, 256], packed ECFP4.
        threshold: float64 [], the 5 % quantile of the similarity of each training molecule to its nearest
            other one.
    """

    fingerprints: NDArray[np.uint8]
    threshold: NDArray[np.float64]

    @classmethod
    def fit(cls, smiles: Sequence[str]) -> "Domain":
        """The domain of training molecules.

        Raises:
            DataError: if there are fewer than two, or one is not valid SMILES.
        """
        if len(smiles) < 2:
            raise DataError(
                f"an applicability domain needs two training molecules or more, got {len(smiles)}"
            )
        packed = packed_ecfp4(smiles)
        _, similarity = _nearest(packed, packed, itself=True)
        return cls(packed, np.array(np.quantile(similarity, QUANTILE)))

    def nearest(self, smiles: Sequence[str]) -> Neighbours:
        """The nearest training molecule of each, exactly.

        Raises:
            DataError: at the first text that is not valid SMILES.
        """
        index, similarity = _nearest(packed_ecfp4(smiles), self.fingerprints)
        return Neighbours(index, similarity, similarity >= self.threshold)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, as `from_arrays` takes them."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Domain":
        """Back from a file.

        Raises:
            CheckpointError: if the arrays are not those of a domain.
        """
        fingerprints = stored(arrays, "fingerprints", np.uint8, (None, FINGERPRINT_BITS // 8))
        threshold = stored(arrays, "threshold", np.float64, ())
        refuse_unless(len(fingerprints) >= 2, "fingerprints", "has fewer than two molecules")
        refuse_unless(bool(0 <= threshold <= 1), "threshold", f"is {threshold}, not between 0 and 1")
        return cls(fingerprints, threshold)


def _nearest(
    queries: NDArray[np.uint8], training: NDArray[np.uint8], itself: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index and similarity, [queries]; `itself`: query i is training molecule i, which does not count."""
    words = np.ascontiguousarray(np.ascontiguousarray(training).view(np.uint64).T)  # [32, training]
    set_bits = np.bitwise_count(words).sum(0, dtype=np.int64)
    index, similarity = np.zeros(len(queries), np.int64), np.zeros(len(queries))
    for i, query in enumerate(np.ascontiguousarray(queries).view(np.uint64)):
        shared = np.bitwise_count(words & query[:, None]).sum(0, dtype=np.uint16)
        union = set_bits + int(np.bitwise_count(query).sum()) - shared
        tanimoto = shared / np.maximum(union, 1)  # two without a bit have nothing in common
        if itself:
            tanimoto[i] = -1.0
        index[i] = tanimoto.argmax()  # the first of the largest
        similarity[i] = tanimoto[index[i]]
    return index, similarity
