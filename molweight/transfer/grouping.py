"""Which tasks share a model: the division into groups whose members help each other the most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_EXACT = 12  # tasks: all divisions of more take more than a second

Array = NDArray[np.float64]
Groups = tuple[tuple[int, ...], ...]


def best_grouping(gains: Array) -> Groups:
    """Groups that maximise the sum of gains within them; alone counts 0.

    Gains add up as those of samples do in the exponent of a learning curve. Their mean, as Fifty et al. take,
    would prefer the luckiest pairs to a larger group in which all help each other.

    Exact up to `MOST_EXACT` tasks. Past that, the best of two climbs, from one group each and from one group
    of all, that join two groups or move one task as long as that gains.

    Args:
        gains: what each task is helped by each other, [helped, helper]; the diagonal is not read.

    Returns:
        Positions of tasks, rising in each group and over groups.

    Raises:
        ValueError: if a gain is not finite.

    >>> best_grouping(np.array([[0.0, 0.3, -0.1], [0.1, 0.0, -0.2], [0.1, 0.1, 0.0]]))
    ((0, 1), (2,))
    """
    gains = np.where(np.eye(len(gains), dtype=bool), 0.0, gains)
    if not np.isfinite(gains).all():
        raise ValueError("gains must be finite; give 0 for a pair that was not measured")
    if len(gains) <= MOST_EXACT:
        return _exact(gains)
    starts = [np.arange(len(gains)), np.zeros(len(gains), np.int64)]
    found = [_as_groups(_climb(gains, start)) for start in starts]
    return max(found, key=lambda groups: sum(float(gains[np.ix_(g, g)].sum()) for g in groups))


def member_gains(gains: Array, groups: Sequence[Sequence[int]]) -> Array:
    """What to expect of groups: mean gain of each task from the other members, 0 alone: [tasks].

    A mean, because what two helpers know is partly the same.

    Args:
        gains: [helped, helper]; the diagonal is not read.
        groups: of tasks, each task once.
    """
    found = np.zeros(len(gains))
    for group in groups:
        for helped in group:
            others = [helper for helper in group if helper != helped]
            found[helped] = gains[helped, others].mean() if others else 0.0
    return found


def _exact(gains: Array) -> Groups:
    """Over sets of tasks as bits: the best division of a set takes one group with its first task off."""
    values = _values_of_sets(gains)
    best, first = np.zeros(len(values)), np.zeros(len(values), np.int64)
    for tasks in range(1, len(values)):
        lowest = tasks & -tasks
        rest = tasks ^ lowest
        groups = _subsets(rest) | lowest
        totals = values[groups] + best[tasks ^ groups]
        place = int(totals.argmax())
        best[tasks], first[tasks] = totals[place], groups[place]
    divided, left = [], len(values) - 1
    while left:
        divided.append(tuple(t for t in range(len(gains)) if first[left] >> t & 1))
        left ^= int(first[left])
    return tuple(divided)


def _values_of_sets(gains: Array) -> Array:
    """What each set of tasks gains as one group: [2^tasks]."""
    count = len(gains)
    inside = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)  # [sets, tasks]
    return ((inside @ gains) * inside).sum(1)


def _subsets(tasks: int) -> NDArray[np.int64]:
    """All sets within a set of bits, the empty one first."""
    found = np.zeros(1, np.int64)
    while tasks:
        lowest = tasks & -tasks
        found = np.concatenate([found, found | lowest])
        tasks ^= lowest
    return found


def _climb(gains: Array, member: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group of each task once no join of two groups and no move of one task gains: [tasks]."""
    member = member.copy()
    while True:
        joined, join = _best_join(gains, member)
        moved, move = _best_move(gains, member)
        if max(joined, moved) <= 1e-12:
            return member
        if joined >= moved:
            member[member == join[1]] = join[0]
        else:
            member[move[0]] = move[1]


def _across(gains: Array, member: NDArray[np.int64]) -> tuple[Array, Array]:
    """Gains between each task and group, both ways, and who is in it: each [tasks, groups], some empty."""
    inside = np.eye(len(gains))[member]
    return (gains + gains.T) @ inside, inside


def _best_join(gains: Array, member: NDArray[np.int64]) -> tuple[float, tuple[int, int]]:
    across, inside = _across(gains, member)
    change = inside.T @ across
    np.fill_diagonal(change, -np.inf)
    first, second = divmod(int(change.argmax()), len(gains))
    return float(change[first, second]), (first, second)


def _best_move(gains: Array, member: NDArray[np.int64]) -> tuple[float, tuple[int, int]]:
    across, _ = _across(gains, member)
    change = across - across[np.arange(len(gains)), member][:, None]
    task, group = divmod(int(change.argmax()), len(gains))
    return float(change[task, group]), (task, group)


def _as_groups(member: NDArray[np.int64]) -> Groups:
    groups = [tuple(np.flatnonzero(member == group).tolist()) for group in np.unique(member)]
    return tuple(sorted(groups))
