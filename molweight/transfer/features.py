"""What frozen features of molecules say about their likeness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from molweight.molecules.fingerprints import ecfp4

if TYPE_CHECKING:
    from molweight.encoders.gin import GIN

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
    from molweight.encoders.checkpoints import load_encoder

    return encoder_features(smiles, load_encoder(checkpoint))


def encoder_features(
    smiles: Sequence[str], encoder: "GIN", reference: NDArray[np.int64] | None = None
) -> Features:
    """Mean over atoms of an encoder's outputs, standardised; no label is looked at.

    Args:
        smiles: of the molecules.
        encoder: on any device; it is put into evaluation.
        reference: molecules whose mean and spread are taken, as positions; all of them where it is None.
    """
    encoded = _encoded(smiles, encoder)
    known = encoded if reference is None else encoded[reference]
    spread = known.std(axis=0)
    scaled = (encoded - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Features("gin", (scaled / np.sqrt(scaled.shape[1])).astype(np.float32))


def _encoded(smiles: Sequence[str], encoder: "GIN") -> NDArray[np.float32]:
    import torch

    from molweight.encoders.readout import mean_readout
    from molweight.molecules.batch import collate
    from molweight.molecules.store import store_from_smiles

    store = store_from_smiles(smiles).to(next(encoder.parameters()).device)
    encoder.eval()
    parts = []
    with torch.inference_mode():
        for chosen in torch.arange(len(smiles), device=store.device).split(ENCODED_AT_A_TIME):
            batch = collate(store, chosen)
            parts.append(mean_readout(encoder(batch), batch))
    return torch.cat(parts).cpu().numpy()
