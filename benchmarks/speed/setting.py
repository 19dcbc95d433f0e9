"""The problem that is timed: the packaged GIN, four graph objectives, and molecules of BBBP."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from molweight.benchmarks.loading import load_data_set
from molweight.encoders.checkpoints import load_encoder
from molweight.encoders.compute import Compute, choose_compute
from molweight.encoders.gin import GIN
from molweight.errors import ConfigError
from molweight.molecules.batch import collate
from molweight.objectives import graph_objectives
from molweight.solver import LoopConfig, LoopState
from molweight.solver.loop import Batches
from molweight.tasks.data import TaskData, labelled_batch
from molweight.tasks.problems import FinetuneProblem, PretrainProblem
from molweight.tasks.sampling import step_batch

DATA_SET = "bbbp"
CURVATURE_BATCH = 32  # molecules to the products of level I, where it has any
PREPARED = 4  # iterations whose batches recur, made beforehand: collating is not what is timed


@dataclass(frozen=True)
class SpeedConfig:
    """What is timed and how often.

    Attributes:
        batch: molecules to every batch.
        rounds: timed rounds.
        warmup: rounds before them.
        precision: of matrix products: auto, float32 or bfloat16.
        seed: of heads, batches and random choices.
        molecules: of the largest store that is built.
        epochs: of fine-tuning in a timed share of a benchmark run.
        iterations: of weight learning in one.
        texts: to every batch of the table of texts.
    """

    batch: int = 256
    rounds: int = 10
    warmup: int = 2
    precision: str = "float32"
    seed: int = 0
    molecules: int = 100_000
    epochs: int = 1
    iterations: int = 2
    texts: int = 16

    def __post_init__(self) -> None:
        for name in ("batch", "rounds", "molecules", "epochs", "iterations", "texts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Setting:
    """Everything a row of a table starts from.

    Attributes:
        encoder: left as it is.
        data: the molecules.
        batches: from the number of an iteration to its batches.
        compute: the processor, and the precision.
        seed: of heads and random choices.
    """

    encoder: GIN
    data: TaskData
    batches: Callable[[int], Batches]
    compute: Compute
    seed: int

    def start(self, config: LoopConfig, shared_view: bool = False) -> LoopState:
        """A state of its own for each row; all begin alike."""
        return LoopState.start(self.pretrain_problem(shared_view), self.finetune_problem(), config, self.seed)

    def finetune_problem(self, dropout: float = 0.0) -> FinetuneProblem:
        """The property task on a copy of the encoder; its head is the same each time."""
        torch.manual_seed(self.seed)
        encoder = copy.deepcopy(self.encoder)
        encoder.dropout = dropout
        problem = FinetuneProblem(encoder, len(self.data.tasks), self.data.kind, self.compute)
        return problem.to(self.compute.device)

    def pretrain_problem(self, shared_view: bool = False) -> PretrainProblem:
        """The graph objectives on a copy of the encoder; their heads are the same each time."""
        torch.manual_seed(self.seed)
        encoder = copy.deepcopy(self.encoder)
        problem = PretrainProblem(encoder, graph_objectives(encoder.width), self.compute, shared_view)
        return problem.to(self.compute.device)


def make_setting(config: SpeedConfig, device: str = "cpu") -> Setting:
    """Read the molecules and the checkpoint.

    Args:
        config: what is timed.
        device: cpu or cuda; the molecules and the batches lie on the CPU.

    Raises:
        DataError: if the molecules cannot be had.
        ConfigError: if there is no such precision or device.
    """
    compute = choose_compute(device, config.precision)
    data = load_data_set(DATA_SET).data
    return Setting(load_encoder(), data, _batches(data, config), compute, config.seed)


def _batches(data: TaskData, config: SpeedConfig) -> Callable[[int], Batches]:
    labels, everything = torch.from_numpy(data.labels), torch.arange(len(data.smiles))

    def make(step: int) -> Batches:
        # nothing is learned here, so every level draws from all molecules: the split's valid part is
        # smaller than one batch
        pretrain, finetune, valid = (
            step_batch(everything, config.batch, step, config.seed + level) for level in range(3)
        )
        graphs = collate(data.store, pretrain)
        return Batches(
            pretrain=graphs,
            finetune=labelled_batch(data.store, labels, finetune),
            valid=labelled_batch(data.store, labels, valid),
            curvature=collate(data.store, pretrain[:CURVATURE_BATCH]),
        )

    made = [make(step) for step in range(PREPARED)]
    return lambda step: made[step % PREPARED]
