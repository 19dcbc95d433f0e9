"""The walk: networks that go through samples as they grow, and are tested at every size on the way.

It asks of a whole curve what TAG (Fifty et al., NeurIPS 2021) asks of one training: what samples do while a
network learns, in place of one training for each answer. The samples of a size begin with those of the
size before, so that a network which has learned from n of them is most of the way to one of more. It
begins with a share of the steps of a full training, takes a smaller share after each increment, with
weights and moments of the optimiser as they were, and predicts before the next.

Which networks walk: for each task one alone; for each task and each size of one helper one, whose two heads
share a trunk; and for each task and each size of all others together one of all heads. In each of these the
own samples of the task grow while those of the others stay. So a network of (n, m) has had just the
steps of the one of (n, 0) that it is compared with, and a gain is not one of longer training, as it would
be if the helper's samples grew beside own ones that stay. Two tasks that share a trunk cannot be had
from one network of more, in which all others would help too: there is one walk for each pair and size.

So the walk has as many networks as there are rows of the grid, not points. Of P own sizes it takes
(first + (P - 1) more) / P of the steps of the full design: 10 % at P = 5, and 11 % at P = 3, where first is
0.2 and more 0.07.
"""

from collections.abc import Sequence
from functools import partial

from molweight.transfer.designs import TransferConfig
from molweight.transfer.full import Samples, train_alone, train_context, train_helper
from molweight.transfer.learners import full_steps
from molweight.transfer.network import Stage


def onwards(samples: Sequence[Samples], config: TransferConfig) -> list[list[Stage]]:
    """The plan of the walk: one network through all samples."""
    first, more = (
        max(1, round(share * full_steps(config))) for share in (config.walk.first, config.walk.more)
    )
    return [[Stage(*each, more if place else first) for place, each in enumerate(samples)]] if samples else []


walk_alone = partial(train_alone, plan=onwards)
walk_helper = partial(train_helper, plan=onwards)
walk_context = partial(train_context, plan=onwards)
