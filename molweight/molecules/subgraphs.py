"""Edits of a batch that keep its adjacency symmetric: masked atoms, dropped bonds, induced subgraphs.

Of a padded batch they keep the shape: what is left out becomes padding.
"""

from dataclasses import replace

import torch
from torch import Tensor

from molweight.molecules.batch import GraphBatch
from molweight.molecules.padding import PaddedBatch
from molweight.molecules.vocabulary import MASK_ATOM


def mask_atoms(batch: GraphBatch, masked: Tensor) -> GraphBatch:
    """Replace the features of the masked atoms, bool [atoms], by the mask."""
    return batch.edit(
        atom_type=batch.atom_type.masked_fill(masked, MASK_ATOM),
        chirality=batch.chirality.masked_fill(masked, 0),
    )


def keep_entries(batch: GraphBatch, kept: Tensor) -> GraphBatch:
    """Drop the other bond entries; `kept`, bool [entries], must be the same for both entries of a bond."""
    kept = kept | (batch.neighbour == batch.receiver)
    if isinstance(batch, PaddedBatch):
        return batch.edit(neighbour=torch.where(kept, batch.neighbour, batch.padding))
    counts = torch.bincount(batch.receiver[kept], minlength=batch.atoms)
    return replace(
        batch,
        row_offsets=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
        neighbour=batch.neighbour[kept],
        bond_type=batch.bond_type[kept],
        bond_direction=batch.bond_direction[kept],
    )


def keep_atoms(batch: GraphBatch, kept: Tensor) -> GraphBatch:
    """The subgraph induced by the kept atoms, bool [atoms]; a molecule may be left with none."""
    if isinstance(batch, PaddedBatch):
        kept = kept & batch.real
        there = kept[batch.receiver] & kept[batch.neighbour]
        return batch.edit(neighbour=torch.where(there, batch.neighbour, batch.padding), real=kept)
    inside = keep_entries(batch, kept[batch.receiver] & kept[batch.neighbour])
    alive = kept[inside.receiver]
    degrees = inside.row_offsets.diff()[kept]
    renumbered = kept.long().cumsum(0) - 1
    return GraphBatch(
        atom_type=batch.atom_type[kept],
        chirality=batch.chirality[kept],
        row_offsets=torch.cat([degrees.new_zeros(1), degrees.cumsum(0)]),
        neighbour=renumbered[inside.neighbour[alive]],
        bond_type=inside.bond_type[alive],
        bond_direction=inside.bond_direction[alive],
        sizes=torch.bincount(batch.molecule[kept], minlength=batch.molecules),
        descriptors=batch.descriptors,
        fingerprints=batch.fingerprints,
    )


def at_atoms(rows: Tensor, batch: GraphBatch, kept: Tensor) -> Tensor:
    """Rows of what `keep_atoms` makes, back at the atoms of the batch.

    Args:
        rows: [kept atoms, ...], at least one; or [atoms, ...] of a padded batch.
        batch: of which atoms were kept.
        kept: bool [atoms].

    Returns:
        [atoms, ...]; anything where an atom was not kept.
    """
    if isinstance(batch, PaddedBatch):
        return rows
    return rows.index_select(0, (kept.cumsum(0) - 1).clamp(min=0))


def join(first: GraphBatch, second: GraphBatch) -> GraphBatch:
    """The molecules of two batches in one, those of the first before those of the second.

    Args:
        first: a batch, padded or not.
        second: one of the same kind.
    """
    names = GraphBatch.__dataclass_fields__
    moved = vars(second) | {
        "row_offsets": second.row_offsets[1:] + first.row_offsets[-1],
        "neighbour": second.neighbour + first.atoms,
    }
    present = [name for name in names if moved[name] is not None]
    with torch.autocast(first.sizes.device.type, enabled=False):  # on a CPU it refuses descriptors' float16
        joined = {name: torch.cat([vars(first)[name], moved[name]]) for name in present}
    if not isinstance(first, PaddedBatch) or not isinstance(second, PaddedBatch):
        return GraphBatch(**joined)
    # the padding of the first stays in the middle, and no entry leads there any more
    led = joined["neighbour"] == first.padding
    joined["neighbour"] = joined["neighbour"].masked_fill(led, first.atoms + second.atoms - 1)
    real, whole = (
        torch.cat([first.real, second.real]),
        torch.cat([first.whole, second.whole + len(first.sizes)]),
    )
    reaches = [batch.reach for batch in (first, second) if batch.reach is not None]
    return PaddedBatch(**joined, real=real, whole=whole, reach=max(reaches) if len(reaches) == 2 else None)


def hop_distance(batch: GraphBatch, sources: Tensor, hops: int) -> Tensor:
    """Bonds from each atom to the nearest source atom, by frontier propagation.

    Args:
        batch: the graphs.
        sources: bool [atoms].
        hops: how far to look.

    Returns:
        int64 [atoms]; `hops + 1` where no source is within `hops` bonds.
    """
    distance = torch.full_like(batch.atom_type, hops + 1)
    reached = sources & batch.real if isinstance(batch, PaddedBatch) else sources
    for hop in range(hops + 1):
        distance = distance.masked_fill(reached & (distance > hop), hop)
        touched = torch.zeros_like(distance).index_add_(0, batch.receiver, reached[batch.neighbour].long())
        reached = touched > 0
    return distance
