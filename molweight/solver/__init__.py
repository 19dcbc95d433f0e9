"""Three-level optimisation of objective weights on dictionaries of tensors, whatever the domain."""

from molweight.solver.curvature import Composed
from molweight.solver.hypergradient import Hypergradient, hypergradient
from molweight.solver.inverse import Solution, conjugate_gradient, identity, neumann
from molweight.solver.loop import Batches, StepRecord, learn_weights
from molweight.solver.state import LoopConfig, LoopState

__all__ = [
    "Batches",
    "Composed",
    "Hypergradient",
    "LoopConfig",
    "LoopState",
    "Solution",
    "StepRecord",
    "conjugate_gradient",
    "hypergradient",
    "identity",
    "learn_weights",
    "neumann",
]
