"""Three-level optimisation of objective weights on dictionaries of tensors, whatever the domain."""

from molweight.solver.hypergradient import Hypergradient, hypergradient
from molweight.solver.inverse import identity
from molweight.solver.loop import LoopConfig, LoopState, StepRecord, learn_weights

__all__ = [
    "Hypergradient",
    "LoopConfig",
    "LoopState",
    "StepRecord",
    "hypergradient",
    "identity",
    "learn_weights",
]
