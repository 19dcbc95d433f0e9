"""The same parts written plainly with DGL-LifeSci's GIN, DGL's graphs and betty."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.benchmarks.speed.betty_loop import start_betty
from molweight.benchmarks.speed.dgl_objectives import DGL_OBJECTIVES, Graph, encode
from molweight.benchmarks.speed.gin_peers import DGLLifeSciGIN
from molweight.benchmarks.speed.protocols import Protocol, Shares
from molweight.benchmarks.speed.rivals import DGLLIFE, rivals
from molweight.benchmarks.speed.setting import Setting
from molweight.encoders.gin import GIN
from molweight.molecules.graphs import import_dgl
from molweight.molecules.splits import Split
from molweight.solver import LoopState
from molweight.solver.draws import mixed_seed
from molweight.tasks.data import TaskData
from molweight.tasks.finetune import PREDICT_BATCH
from molweight.tasks.metrics import ROC_AUC, score
from molweight.tasks.problems import start_at_base_rate


@dataclass(frozen=True)
class Labelled:
    """A batched graph and the labels of its molecules, [molecules, tasks]."""

    graph: Graph
    labels: Tensor


class DGLPretrain(nn.Module):
    """DGL-LifeSci's GIN and the objectives that pretrain it."""

    def __init__(self, encoder: GIN) -> None:
        super().__init__()
        self.encoder = DGLLifeSciGIN(encoder).gin
        made = {name: objective(encoder.width) for name, objective in DGL_OBJECTIVES.items()}
        self.objectives = nn.ModuleDict(made)

    def forward(self, graph: Graph, seed: int) -> dict[str, Tensor]:
        """Each objective's loss; the random choices are those of this program."""
        return {
            name: objective(self.encoder, graph, torch.Generator().manual_seed(mixed_seed(seed, number)))
            for number, (name, objective) in enumerate(self.objectives.items())
        }


class DGLFinetune(nn.Module):
    """DGL-LifeSci's GIN and a linear head on the mean over atoms."""

    def __init__(self, encoder: GIN, tasks: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.head = DGLLifeSciGIN(encoder, dropout).gin, nn.Linear(encoder.width, tasks)

    def forward(self, batch: Labelled) -> Tensor:
        """Logits: [molecules, tasks]."""
        with batch.graph.local_scope():
            batch.graph.ndata["h"] = encode(self.encoder, batch.graph)
            return self.head(import_dgl().mean_nodes(batch.graph, "h"))

    def loss(self, outputs: Tensor, batch: Labelled) -> Tensor:
        """Mean binary cross-entropy, a scalar."""
        return F.binary_cross_entropy_with_logits(outputs, batch.labels)


def dgl_protocol(setting: Setting, data: TaskData, split: Split, shares: Shares) -> Protocol:
    """DGL's, in float32 whatever the precision; needs the packages `dgl`, `dgllife` and `betty-ml`."""
    graphs = featurise(data.smiles)
    labels = torch.from_numpy(data.labels)

    def gather(molecules: NDArray[np.int64]) -> Labelled:
        return Labelled(import_dgl().batch([graphs[i] for i in molecules]), labels[molecules])

    return Protocol(
        lambda: featurise(data.smiles),
        lambda: finetune(setting, data, split, shares, gather),
        lambda: learn_weights(setting, data, split, shares, gather),
    )


def featurise(texts: Sequence[str]) -> list[Graph]:
    """DGL-LifeSci's graph of each molecule."""
    return [*map(rivals(DGLLIFE)[DGLLIFE], texts)]


@dataclass(frozen=True)
class Draws:
    """Makes the batch of the level that asks for it."""

    draw_pretrain: Callable[[], Graph]
    draw_finetune: Callable[[], Labelled]
    draw_valid: Callable[[], Labelled]

    @property
    def pretrain(self) -> Graph:
        """Of level I."""
        return self.draw_pretrain()

    @property
    def finetune(self) -> Labelled:
        """Of level II."""
        return self.draw_finetune()

    @property
    def valid(self) -> Labelled:
        """Of level III."""
        return self.draw_valid()


Gather = Callable[[NDArray[np.int64]], Labelled]


def finetune(setting: Setting, data: TaskData, split: Split, shares: Shares, gather: Gather) -> float:
    """Fine-tune with Adam and keep the best epoch; gives its validation ROC-AUC."""
    config, rng = shares.finetune, np.random.default_rng(setting.seed)
    torch.manual_seed(setting.seed)
    problem = DGLFinetune(setting.encoder, len(data.tasks), config.dropout)
    optimiser = torch.optim.Adam(problem.parameters(), config.lr, fused=True)
    best, kept = -np.inf, copy.deepcopy(problem.state_dict())
    for _ in range(config.epochs):
        problem.train()
        for batch in map(gather, _cut(rng.permutation(split.train), config.batch_size)):
            loss = problem.loss(problem(batch), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        reached = validate(problem, data, split, gather)
        if reached > best:
            best, kept = reached, copy.deepcopy(problem.state_dict())
    problem.load_state_dict(kept)
    return best


@torch.no_grad()
def validate(problem: DGLFinetune, data: TaskData, split: Split, gather: Gather) -> float:
    """ROC-AUC on the validation molecules."""
    problem.eval()
    parts = np.array_split(split.valid, -(-len(split.valid) // PREDICT_BATCH))
    predicted = torch.cat([problem(gather(part)) for part in parts]).numpy()
    return score(ROC_AUC, data.labels[split.valid], predicted, data.tasks).value


def learn_weights(
    setting: Setting, data: TaskData, split: Split, shares: Shares, gather: Gather
) -> dict[str, float]:
    """Three problems, and betty's default hypergradient; gives the objective weights."""
    config, rng = shares.reweight, np.random.default_rng(setting.seed)
    torch.manual_seed(setting.seed)
    finetune = DGLFinetune(setting.encoder, len(data.tasks), config.finetune_dropout)
    start_at_base_rate(finetune.head, torch.from_numpy(data.labels[split.train]), data.kind)
    state = LoopState.start(DGLPretrain(setting.encoder), finetune, config.loop, setting.seed)

    def draw(molecules: NDArray[np.int64], size: int) -> Labelled:
        return gather(rng.choice(molecules, min(size, len(molecules)), replace=False))

    drawn: Any = Draws(
        lambda: draw(split.train, config.pretrain_batch).graph,
        lambda: draw(split.train, config.finetune_batch),
        lambda: draw(split.valid, config.valid_batch),
    )
    betty = start_betty(state, lambda step: drawn, config.loop)
    for _ in range(config.loop.steps):
        betty.step()
    return dict(zip(DGL_OBJECTIVES, betty.logits.detach().softmax(0).tolist(), strict=True))


def _cut(molecules: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    whole = max(1, len(molecules) // size)
    return [molecules[i * size : (i + 1) * size] for i in range(whole)]
