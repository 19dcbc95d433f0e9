"""Fitting the objectives' heads to an encoder that does not move, before it is pretrained further."""

import torch
from torch import Tensor

from molweight.molecules.batch import collate
from molweight.molecules.store import Store
from molweight.solver.curvature import frozen_statistics
from molweight.solver.draws import mixed_seed
from molweight.solver.steps import finite_scalar
from molweight.tasks.optimisers import adam
from molweight.tasks.problems import PretrainProblem
from molweight.tasks.sampling import step_batch

LR = 1e-3  # of Adam; young heads are far from where they end
_STREAM = 4  # tells these draws from those of pretraining


def fit_heads(
    problem: PretrainProblem, store: Store, molecules: Tensor, steps: int, batch_size: int, seed: int
) -> None:
    """Train the heads alone; the encoder and its running statistics stay as they are.

    A head from random weights pulls features about that it has not learned to read yet, so that a short run
    of continued pretraining spends itself on undoing what the checkpoint knows (of fine-tuning, Kumar et
    al., ICLR 2022). Where several ranks share a run, each does the same.

    Args:
        problem: on its device; its heads are changed.
        store: graphs, on the same device.
        molecules: positions in the store to learn from.
        steps: of the optimiser, at equal weights; none with 0.
        batch_size: molecules to a step.
        seed: of batches and random choices.

    Raises:
        FloatingPointError: if a loss is not finite; the text names the objective.
    """
    optimiser = adam(problem.objectives.parameters(), LR, problem.compute.device)
    own = mixed_seed(seed, _STREAM)
    learned = [p for p in problem.encoder.parameters() if p.requires_grad]
    for p in learned:
        p.requires_grad_(False)
    try:
        with frozen_statistics(problem):
            for step in range(steps):
                batch = collate(store, step_batch(molecules, batch_size, step, own))
                losses = problem(batch, mixed_seed(own, step))
                for name, loss in losses.items():
                    finite_scalar(loss, f"objective {name}")
                optimiser.zero_grad()
                torch.stack(list(losses.values())).sum().backward()
                optimiser.step()
    finally:
        for p in learned:
            p.requires_grad_(True)
