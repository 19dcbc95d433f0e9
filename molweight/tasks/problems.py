"""The pretrain and finetune problems as modules: what the solver sees of molecules."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.encoders.compute import Compute, at_least_float32
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.molecules.batch import GraphBatch, carried
from molweight.molecules.head_inputs import GRAPH_ALONE, HeadInputs
from molweight.molecules.store import Store
from molweight.objectives.graph.shared_view import SHARING, SharedView
from molweight.solver.draws import mixed_seed
from molweight.tasks.data import LabelledBatch, TaskKind, as_tensor
from molweight.tasks.losses import masked_loss
from molweight.tasks.train_scale import TrainScale


class PretrainProblem(nn.Module):
    """An encoder and the objectives that pretrain it.

    Args:
        encoder: shared by all objectives.
        objectives: by name.
        compute: device and precision.
        shared_view: let the objectives that can be shown one view share it, at one forward pass for all.
    """

    def __init__(
        self, encoder: GIN, objectives: nn.ModuleDict, compute: Compute, shared_view: bool = False
    ) -> None:
        super().__init__()
        self.encoder, self.objectives, self.compute = encoder, objectives, compute
        self.shared_view = shared_view

    def forward(self, batch: GraphBatch, seed: int) -> dict[str, Tensor]:
        """Each objective's loss on a batch; the same seed makes the same random choices."""
        seeds = [mixed_seed(seed, number) for number in range(len(self.objectives))]
        return self.losses(batch, [torch.Generator().manual_seed(each) for each in seeds])

    def losses(self, batch: GraphBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Each objective's loss on a batch, with the random choices of its generator."""
        losses, shared = {}, SharedView(self.encoder)
        with self.compute.autocast():
            for (name, objective), generator in zip(self.objectives.items(), generators, strict=True):
                encoder = shared if self.shared_view and name in SHARING else self.encoder
                losses[name] = objective(encoder, batch, generator)
        return losses


def start_at_base_rate(head: nn.Linear, labels: Tensor, kind: TaskKind) -> None:
    """Let a head predict each task's mean whatever its input, so that all else is to be learned.

    Args:
        head: to [tasks].
        labels: [molecules, tasks], NaN where missing; standardised for regression.
        kind: of the tasks.
    """
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    if kind == "classification":
        positive, present = labels.nansum(dim=0), (~labels.isnan()).sum(dim=0)
        rate = (positive + 0.5) / (present + 1)  # smoothed, for tasks of one class
        with torch.no_grad():
            head.bias.copy_(rate.logit())


class FinetuneProblem(nn.Module):
    """An encoder and a linear head on the mean over atoms, for one or more property tasks.

    Args:
        encoder: of atoms.
        tasks: how many.
        kind: of all of them.
        compute: device and precision.
        inputs: what the head reads beside the mean over atoms; batches must carry it (see `HeadInputs.on`).
    """

    def __init__(
        self,
        encoder: GIN,
        tasks: int,
        kind: TaskKind,
        compute: Compute,
        inputs: HeadInputs = GRAPH_ALONE,
    ) -> None:
        super().__init__()
        self.encoder, self.kind, self.compute, self.inputs = encoder, kind, compute, inputs
        self.scale = TrainScale() if inputs.descriptors else nn.Identity()
        self.head = nn.Linear(encoder.width + inputs.width, tasks)

    def fit_scale(self, store: Store, train: NDArray[np.int64]) -> None:
        """Let the head read descriptors on the scale of these molecules; where it reads none, do nothing.

        Args:
            store: on any device.
            train: positions in it, [molecules].

        Raises:
            ValueError: if the store does not carry them.
        """
        if isinstance(self.scale, TrainScale):
            self.scale.fit(carried(store.descriptors, "descriptors")[as_tensor(train, store.device)])

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Outputs for the molecules of a batch; its labels are not read."""
        return self.predict(batch.graphs)

    def loss(self, outputs: Tensor, batch: LabelledBatch) -> Tensor:
        """Mean loss over the labels present, a scalar."""
        return masked_loss(outputs, batch.labels, self.kind, batch.divisor)

    def predict(self, graphs: GraphBatch) -> Tensor:
        """Logits, or standardised values: [molecules, tasks].

        Raises:
            ValueError: if the batch does not carry what the head reads.
        """
        with self.compute.autocast():
            h = mean_readout(self.encoder(graphs), graphs)
            read = [beside.to(h.dtype) for beside in self.inputs.of(graphs, self.scale)]
            return at_least_float32(self.head(torch.cat([h, *read], dim=1)))
