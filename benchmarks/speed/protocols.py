"""The parts of `molweight bench bbbp --methods finetune,tapweight`, as this program does them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.molecules.splits import Split
from molweight.molecules.store import store_from_smiles
from molweight.solver import LoopConfig
from molweight.tasks.budgets import BUDGETS
from molweight.tasks.data import TaskData
from molweight.tasks.finetune import FinetuneConfig, finetune
from molweight.tasks.metrics import ROC_AUC
from molweight.tasks.reweight import ReweightConfig, reweight

BUDGET = BUDGETS["standard"]


@dataclass(frozen=True)
class Protocol:
    """The parts, each from its beginning.

    Attributes:
        featurise: SMILES to graphs.
        finetune: a share of the epochs of fine-tuning, each with its validation; gives the best score.
        reweight: a share of the iterations of weight learning; gives the objective weights.
    """

    featurise: Callable[[], object]
    finetune: Callable[[], float]
    reweight: Callable[[], dict[str, float]]


@dataclass(frozen=True)
class Shares:
    """How much of the standard budget is run: the settings are the budget's own."""

    finetune: FinetuneConfig
    reweight: ReweightConfig

    @classmethod
    def of(cls, config: SpeedConfig) -> "Shares":
        """So many epochs without early stopping, and so many iterations that all move the weights."""
        loop: LoopConfig = replace(BUDGET.reweight.loop, steps=config.iterations, warmup=0)
        epochs = replace(BUDGET.finetune, epochs=config.epochs, patience=config.epochs)
        return cls(epochs, replace(BUDGET.reweight, loop=loop))


def own_protocol(setting: Setting, data: TaskData, split: Split, shares: Shares) -> Protocol:
    """This program's."""

    def run_finetune() -> float:
        return finetune(
            setting.encoder,
            data,
            split.train,
            split.valid,
            ROC_AUC,
            shares.finetune,
            setting.compute,
            setting.seed,
        ).valid

    def run_reweight() -> dict[str, float]:
        return reweight(
            setting.encoder, data, split.train, split.valid, shares.reweight, setting.compute, setting.seed
        ).weights

    return Protocol(lambda: store_from_smiles(data.smiles), run_finetune, run_reweight)
