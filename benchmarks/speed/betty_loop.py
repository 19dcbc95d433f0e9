"""The same three-level problem run by betty (Choe et al., ICLR 2023), the library behind TapWeight.

Its default hypergradient, `darts`, takes both inverses for the identity and every cross derivative by
central finite differences: each level's loss is evaluated again on either side of its parameters.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from molweight.solver import LoopConfig, LoopState
from molweight.solver.draws import mixed_seed, seeded
from molweight.solver.loop import Batches
from molweight.solver.state import FINETUNE, PRETRAIN, REWEIGHT
from molweight.solver.steps import task_loss


class Logits(nn.Module):
    """The logits as a module, which is what betty wants every level's variables in."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())


@dataclass
class BettyLoop:
    """A running engine.

    Attributes:
        step: does one iteration of all three levels.
        logits: of the objective weights, changed in place.
        losses: of each objective, of the property task and of its validation, as first evaluated.
    """

    step: Callable[[], None]
    logits: Tensor
    losses: dict[str, float] = field(default_factory=dict)


def start_betty(state: LoopState, batches: Callable[[int], Batches], config: LoopConfig) -> BettyLoop:
    """Hand a fresh state's modules and optimisers to betty; needs the package `betty-ml`."""
    from betty.configs import Config, EngineConfig
    from betty.engine import Engine
    from betty.logging.logger_base import get_logger
    from betty.problems import ImplicitProblem

    get_logger().setLevel(logging.WARNING)
    top = Logits(state.logits)
    losses: dict[str, float] = {}
    steps = _training_steps(state, top, config.proximal, losses)

    def problem(
        name: str, level: int, module: nn.Module, optimiser: torch.optim.Optimizer, **options: Any
    ) -> Any:
        loader = _Loader(batches, state.seed, level, name)
        made = ImplicitProblem(name, Config(unroll_steps=1, **options), module, optimiser, None, loader)
        made.training_step = steps[name]
        return made

    logit_optimiser = torch.optim.SGD(top.parameters(), config.weight_lr_at(0))
    pretrain = problem("pretrain", PRETRAIN, state.pretrain, state.pretrain_optimiser)
    finetune = problem("finetune", FINETUNE, state.finetune, state.finetune_optimiser)
    # the validation loss is differentiated twice: for its own variables, then for the level below
    reweight = problem("valid", REWEIGHT, top, logit_optimiser, retain_graph=True)
    dependencies = {
        "u2l": {reweight: [pretrain]},
        "l2u": {pretrain: [finetune], finetune: [reweight]},
    }
    engine = Engine([reweight, finetune, pretrain], EngineConfig(strategy="cpu"), dependencies)
    engine.train()
    return BettyLoop(engine.train_step, top.logits, losses)


@dataclass(frozen=True)
class _Loader:
    """Yields one level's batches, each with the seed of its random choices."""

    batches: Callable[[int], Batches]
    seed: int
    level: int
    name: str

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        for step in count():
            yield getattr(self.batches(step), self.name), mixed_seed(self.seed, step, self.level)


def _training_steps(
    state: LoopState, top: Logits, proximal: float, losses: dict[str, float]
) -> dict[str, Callable[[tuple[Any, int]], Tensor]]:
    """Each level's loss, named after its batch."""

    def pretrain(batch: tuple[Any, int]) -> Tensor:
        found = state.pretrain(*batch)
        for name, loss in found.items():
            losses.setdefault(name, float(loss.detach()))
        return (top.logits.softmax(0) * torch.stack([found[name] for name in state.objectives])).sum()

    def finetune(batch: tuple[Any, int]) -> Tensor:
        with seeded(batch[1], top.logits.device):
            task = task_loss(state.finetune, state.finetune(batch[0]), batch[0])
        losses.setdefault("finetune", float(task.detach()))
        anchor = dict(state.pretrain.get_submodule("encoder").named_parameters())
        copied = state.finetune.get_submodule("encoder").named_parameters()
        return task + proximal * torch.stack([(p - anchor[name]).square().sum() for name, p in copied]).sum()

    def valid(batch: tuple[Any, int]) -> Tensor:
        state.finetune.eval()
        loss = task_loss(state.finetune, state.finetune(batch[0]), batch[0])
        state.finetune.train()
        losses.setdefault("valid", float(loss.detach()))
        return loss

    return {"pretrain": pretrain, "finetune": finetune, "valid": valid}
