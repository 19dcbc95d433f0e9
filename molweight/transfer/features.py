"""What frozen features of molecules say about their likeness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.fingerprints import ecfp4

FeatureKind = Literal["ecfp4", "gin"]
ENCODED_AT_A_TIME = 512  # molecules

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Features of molecules and the kernel that compares them.

    Attributes:
        kind: ecfp4, compared by Tanimoto similarity, or gin, compared by the scalar product.
        values: float32 [molecules, features].
    """

    kind: FeatureKind
    values: NDArray[np.float32]

    def kernel(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Array:
        """Likeness of molecules, as positions: float64 [first, second]; 1, or about 1, of one with itself."""
        a, b = self.values[first], self.values[second]
        shared = (a @ b.T).astype(np.float64)
        if self.kind == "gin":
            return shared
        union = a.sum(axis=1, dtype=np.float64)[:, None] + b.sum(axis=1, dtype=np.float64) - shared
        return shared / np.maximum(union, 1.0)


def make_features(smiles: Sequence[str], kind: FeatureKind, checkpoint: str = "molweight_gin") -> Features:
    """Features of each molecule; no label is looked at.

    Args:
        smiles: of the molecules.
        kind: ecfp4, or gin for the mean over atoms of a frozen encoder's outputs, standardised.
        checkpoint: of the encoder.

    Raises:
        CheckpointError: if there is no such checkpoint.
    """
    if kind == "ecfp4":
        return Features(kind, ecfp4(smiles).astype(np.float32))
    encoded = _encoded(smiles, checkpoint)
    spread = encoded.std(axis=0)
    scaled = (encoded - encoded.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Features(kind, (scaled / np.sqrt(scaled.shape[1])).astype(np.float32))


def _encoded(smiles: Sequence[str], checkpoint: str) -> NDArray[np.float32]:
    import torch

    from molweight.encoders.checkpoints import load_encoder
    from molweight.encoders.readout import mean_readout
    from molweight.molecules.batch import collate
    from molweight.molecules.store import store_from_smiles

    store, encoder = store_from_smiles(smiles), load_encoder(checkpoint).eval()
    parts = []
    with torch.inference_mode():
        for chosen in torch.arange(len(smiles)).split(ENCODED_AT_A_TIME):
            batch = collate(store, chosen)
            parts.append(mean_readout(encoder(batch), batch))
    return torch.cat(parts).numpy()
