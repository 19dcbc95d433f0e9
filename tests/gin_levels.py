"""The three levels of a tiny GIN as pure functions of its parameters, which is how the solver sees them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from molweight.molecules.batch import collate
from molweight.molecules.store import store_from_smiles
from molweight.solver import Batches, Composed
from molweight.solver.draws import seeded
from molweight.tasks.data import labelled_batch
from molweight.tasks.problems import FinetuneProblem, PretrainProblem

Params = dict[str, Tensor]

SMILES = ["CC(=O)Nc1ccc(O)cc1", "CCCCCO", "c1ccc2ccccc2c1", "OCC(O)CO", "CCN(CC)CC", "CC(=O)[O-].[Na+]"]


def batches(dtype: torch.dtype = torch.float64) -> Batches:
    store = store_from_smiles(SMILES)
    labels = torch.randn(6, 2, generator=torch.Generator().manual_seed(5)).to(dtype)
    labels[1, 0] = torch.nan
    first, second = torch.tensor([0, 1, 2, 3]), torch.tensor([2, 4, 5])
    return Batches(
        collate(store, first),
        labelled_batch(store, labels, first),
        labelled_batch(store, labels, second),
        collate(store, torch.arange(6)),
    )


def encoder_parameters(problem: PretrainProblem | FinetuneProblem) -> Params:
    return {name: p.detach().clone() for name, p in problem.encoder.named_parameters()}


@dataclass(frozen=True)
class GINLevels:
    """Losses of the encoder's parameters, heads fixed, with the random choices of one seed."""

    pretrain: PretrainProblem
    finetune: FinetuneProblem
    batch: Batches
    seed: int

    def pretrain_losses(self, theta: Params) -> Tensor:
        found = functional_call(self.pretrain, in_problem(theta), (self.batch.curvature, self.seed))
        return torch.stack(list(found.values()))

    @property
    def finetune_loss(self) -> Composed:
        return Composed(self.outputs, lambda found: self.finetune.loss(found, self.batch.finetune))

    def outputs(self, omega: Params, labelled: Any = None) -> Tensor:
        with seeded(self.seed, torch.device("cpu")):
            return functional_call(self.finetune, in_problem(omega), (labelled or self.batch.finetune,))

    def valid_loss(self, omega: Params) -> Tensor:
        self.finetune.eval()
        found = self.finetune.loss(self.outputs(omega, self.batch.valid), self.batch.valid)
        self.finetune.train()
        return found


def in_problem(params: Params) -> Params:
    return {f"encoder.{name}": p for name, p in params.items()}
