"""The sum over neighbours as products of dense tiles, for a GPU's matrix units.

Atoms of a molecule are consecutive, and bonded ones seldom far apart: the adjacency is a band. Cut into tiles
of 128 rows, with the columns up to 128 before and after, it is a batch of small dense matrices, and products
with them are several times faster than sums over the entries, whose reads a GPU has to wait for one by one.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from molweight.encoders.message_passing import neighbour_sum
from molweight.molecules.padding import PaddedBatch

TILE = 128


@dataclass(frozen=True)
class Adjacency:
    """A padded batch's adjacency A, symmetric, in tiles where its band is narrow enough.

    Attributes:
        batch: whose entries make it.
        tiles: [tiles, 128, 384] in the dtype of what it multiplies, or None.
    """

    batch: PaddedBatch
    tiles: Tensor | None

    @classmethod
    def of(cls, batch: PaddedBatch, dtype: torch.dtype) -> "Adjacency":
        """For products in this dtype."""
        narrow = batch.reach is not None and batch.reach <= TILE
        return cls(batch, _tiles(batch, dtype) if narrow else None)

    def times(self, h: Tensor) -> Tensor:
        """A·h, also A·h for its gradient: [atoms, columns] to [atoms, columns]."""
        if self.tiles is None:
            return neighbour_sum(h, self.batch)
        count, columns = len(self.tiles), h.shape[1]
        padded = F.pad(h, (0, 0, TILE, (count + 1) * TILE - len(h)))
        windows = padded.as_strided((count, 3 * TILE, columns), (TILE * columns, columns, 1))
        return torch.bmm(self.tiles, windows).view(-1, columns)[: len(h)]


def _tiles(batch: PaddedBatch, dtype: torch.dtype) -> Tensor:
    count = -(-batch.atoms // TILE)
    size = count * TILE * 3 * TILE
    before = (batch.receiver // TILE - 1) * TILE  # where the columns of a tile begin
    cell = batch.receiver * (3 * TILE) + batch.neighbour - before
    cell = torch.where(batch.present, cell, size)  # what is not there falls into a cell of its own
    flat = torch.zeros(size + 1, dtype=dtype, device=cell.device).scatter_(0, cell, 1.0)
    return flat[:size].view(count, TILE, 3 * TILE)
