"""What property heads read of a molecule beside its graph: RDKit's descriptors, ECFP4 fingerprints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from molweight.molecules.batch import GraphBatch, carried
from molweight.molecules.scaled_descriptors import DESCRIPTORS, with_descriptors
from molweight.molecules.store import FINGERPRINT_BITS, Store


@dataclass(frozen=True)
class HeadInputs:
    """Which of the two a head reads.

    Attributes:
        descriptors: RDKit's.
        fingerprints: the bits of ECFP4.
    """

    descriptors: bool = False
    fingerprints: bool = False

    @classmethod
    def carried_by(cls, store: Store) -> "HeadInputs":
        """All that a store has."""
        return cls(store.descriptors is not None, store.fingerprints is not None)

    @classmethod
    def of_width(cls, width: int) -> "HeadInputs":
        """Those of so many columns.

        Raises:
            ValueError: if there are none.

        >>> HeadInputs.of_width(2048)
        HeadInputs(descriptors=False, fingerprints=True)
        """
        every = (cls(described, marked) for described in (False, True) for marked in (False, True))
        for inputs in every:
            if inputs.width == width:
                return inputs
        raise ValueError(f"no inputs of a head have {width} columns")

    @property
    def width(self) -> int:
        """Columns of what is read."""
        return len(DESCRIPTORS) * self.descriptors + FINGERPRINT_BITS * self.fingerprints

    def of(self, batch: GraphBatch, scale: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """What is read of the molecules of a batch, each float32 [molecules, columns].

        Args:
            batch: that carries it.
            scale: from descriptors of a store to what is read of them.

        Raises:
            ValueError: if the batch does not carry it.
        """
        found = []
        if self.descriptors:
            found.append(scale(carried(batch.descriptors, "descriptors")))
        if self.fingerprints:
            found.append(_unpacked(carried(batch.fingerprints, "fingerprints")))
        return found

    def on(self, store: Store, smiles: Sequence[str], keep: bool = True) -> Store:
        """The same store, with what is read of its molecules.

        Args:
            store: on any device.
            smiles: of each of its molecules.
            keep: descriptors in the cache folder, so that they are computed once for the same SMILES.

        Raises:
            DataError: if RDKit lacks one of the descriptors.
        """
        if self.descriptors:
            store = with_descriptors(store, smiles, keep=keep)
        return with_fingerprints(store, smiles) if self.fingerprints else store


GRAPH_ALONE = HeadInputs()


def with_fingerprints(store: Store, smiles: Sequence[str]) -> Store:
    """The same store, with the fingerprints of its molecules.

    Args:
        store: on any device.
        smiles: of each of its molecules.
    """
    from molweight.molecules.fingerprints import packed_ecfp4  # takes RDKit a while to import

    return replace(store, fingerprints=torch.from_numpy(packed_ecfp4(smiles)).to(store.device))


def _unpacked(packed: Tensor) -> Tensor:
    """The bits of bytes, in the order of `numpy.unpackbits`: from uint8 [molecules, bytes] to float32."""
    place = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)  # the first bit is the highest
    return ((packed.unsqueeze(2) >> place) & 1).flatten(1).float()
