"""A pool of unlabelled molecules to pretrain on, without those that judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.files import read_smiles
from molweight.molecules.joining import joined
from molweight.molecules.splits import Split
from molweight.molecules.store import Store, cached_store
from molweight.paths import cache_folder
from molweight.screening.facts import canonical_smiles
from molweight.tasks.data import Corpus, TaskData


@dataclass(frozen=True)
class Pool:
    """Unlabelled molecules.

    Attributes:
        path: of their file.
        sha256: of its content.
        smiles: of each molecule of the store.
        store: their graphs.
    """

    path: Path
    sha256: str
    smiles: Sequence[str]
    store: Store

    @cached_property
    def canonical(self) -> list[str]:
        """Equal for the same molecule."""
        return canonical_smiles(self.smiles)

    def apart_from(self, data: TaskData, split: Split) -> NDArray[np.int64]:
        """Positions of the molecules that neither validate nor test, by canonical SMILES."""
        judging = np.concatenate([split.valid, split.test])
        barred = set(canonical_smiles([data.smiles[i] for i in judging]))
        return np.flatnonzero([text not in barred for text in self.canonical])


@lru_cache(maxsize=1)
def read_pool(path: Path) -> Pool:
    """Read and featurise a file of molecules, once in a process; rows that are none are left out.

    Raises:
        DataError: if the file cannot be read, or holds no molecule.
    """
    texts = read_smiles(path)
    store = cached_store(texts, cache_folder() / "stores")
    digest = sha256(path.read_bytes()).hexdigest()
    return Pool(path, digest, [texts[row] for row in store.rows.tolist()], store)


def corpus(data: TaskData, split: Split, pool: Pool, chosen: NDArray[np.int64]) -> Corpus:
    """The train molecules and those chosen of a pool."""
    smiles = [data.smiles[i] for i in split.train] + [pool.smiles[i] for i in chosen]
    return Corpus(smiles, joined([(data.store, split.train), (pool.store, chosen)]))
