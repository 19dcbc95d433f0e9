"""How much computing each method may spend; the same for all of them."""

from dataclasses import dataclass, replace

from molweight.errors import ConfigError
from molweight.molecules.head_inputs import HeadInputs
from molweight.solver import LoopConfig
from molweight.tasks.finetune import FinetuneConfig
from molweight.tasks.pretrain import PretrainConfig
from molweight.tasks.reweight import ReweightConfig


@dataclass(frozen=True)
class Budget:
    """What each method may spend, and what it makes of it.

    Attributes:
        finetune: settings of fine-tuning.
        reweight: of continued pretraining with learned or with equal weights.
        forest: whether a network is asked together with a random forest on ECFP4, and on RDKit's
            descriptors where its head reads them.
        boosting: whether it is asked together with boosted trees on ECFP4 and RDKit's descriptors.
    """

    finetune: FinetuneConfig
    reweight: ReweightConfig
    forest: bool = False
    boosting: bool = False

    @property
    def inputs(self) -> HeadInputs:
        """What is read beside graphs, by the network's head or by trees beside it."""
        head = self.finetune.inputs
        return replace(head, descriptors=head.descriptors or self.boosting)

    def continued_pretraining(self, seed: int) -> PretrainConfig:
        """The pretrain problem alone, in the steps, batches and learning rate of the three-level loop."""
        loop = self.reweight.loop
        return PretrainConfig(loop.steps, self.reweight.pretrain_batch, loop.pretrain_lr, seed=seed)


BUDGETS: dict[str, Budget] = {
    "smoke": Budget(
        FinetuneConfig(epochs=2, patience=2, batch_size=64),
        ReweightConfig(LoopConfig(steps=6, warmup=2), pretrain_batch=32, finetune_batch=32),
    ),
    "quick": Budget(
        FinetuneConfig(epochs=20, patience=6),
        ReweightConfig(LoopConfig(steps=60)),
    ),
    "standard": Budget(
        FinetuneConfig(epochs=40, patience=12),
        ReweightConfig(LoopConfig(steps=200)),
    ),
    "full": Budget(
        FinetuneConfig(epochs=100, patience=100),
        ReweightConfig(LoopConfig(steps=1_000), pretrain_batch=256),
    ),
}


def find_budget(name: str) -> Budget:
    """The budget of that name.

    Raises:
        ConfigError: if there is none.
    """
    if name not in BUDGETS:
        raise ConfigError(f"unknown budget {name!r}; there are {', '.join(BUDGETS)}")
    return BUDGETS[name]
