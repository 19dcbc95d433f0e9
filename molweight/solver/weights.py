"""Objective weights: logits, the shares and the strength they stand for, and how they move."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import vjp

DECAY = 0.95  # of the running gradient norms: about 20 steps of memory


@dataclass
class GradientScale:
    """Running norm of each objective's gradient in the encoder.

    Losses of different objectives live on different scales. Divided by this, each pushes the encoder
    with about unit force, so that a weight is a share of the update and compares between data sets.
    """

    active: bool = True  # else every scale is 1
    norms: dict[str, float] = field(default_factory=dict)

    def update(self, name: str, gradient_norm: float) -> None:
        """Take in a new norm; zeros, from batches that held nothing to learn, are left out."""
        if gradient_norm > 0:
            old = self.norms.get(name, gradient_norm)
            self.norms[name] = DECAY * old + (1 - DECAY) * gradient_norm

    def __getitem__(self, name: str) -> float:
        return self.norms.get(name, 1.0) if self.active else 1.0


def scale_after(norm: Tensor, new: Tensor) -> Tensor:
    """What `GradientScale` divides by once it has taken in a new norm, on the device of both.

    Args:
        norm: the running one, NaN where there is none yet.
        new: of this step's gradient.
    """
    mixed = torch.where(norm.isnan(), new, DECAY * norm + (1 - DECAY) * new)
    taken = torch.where(new > 0, mixed, norm)
    return taken.nan_to_num(nan=1.0)


@dataclass(frozen=True)
class Parametrisation:
    """How logits stand for the weights of K objectives.

    Attributes:
        extra: logits besides one for each objective.
        weights: logits [K + extra] to weights [K].
    """

    extra: int
    weights: Callable[[Tensor], Tensor]


def softmax(logits: Tensor) -> Tensor:
    """Shares: positive, of sum 1."""
    return logits.softmax(0)


def strength(logits: Tensor) -> Tensor:
    """Shares times an overall strength between 0 and 2, from the last logit; 1 where that is 0."""
    return 2 * logits[-1].sigmoid() * logits[:-1].softmax(0)


PARAMETRISATIONS = {"softmax": Parametrisation(0, softmax), "strength": Parametrisation(1, strength)}


def find_parametrisation(name: str) -> Parametrisation:
    """The parametrisation of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in PARAMETRISATIONS:
        raise ValueError(f"parametrisation must be one of {sorted(PARAMETRISATIONS)}, got {name!r}")
    return PARAMETRISATIONS[name]


def pullback(parametrisation: str, logits: Tensor, gradient: Tensor) -> Tensor:
    """∂F/∂w from ∂F/∂λ: the transposed Jacobian of the weights times the gradient.

    >>> pullback("softmax", torch.zeros(2), torch.tensor([1.0, 0.0]))
    tensor([ 0.2500, -0.2500])
    """
    found: Tensor = vjp(find_parametrisation(parametrisation).weights, logits)[1](gradient)[0]
    return found


def uniform_weights(names: Sequence[str]) -> dict[str, float]:
    """Equal shares.

    >>> uniform_weights(["a", "b"])
    {'a': 0.5, 'b': 0.5}
    """
    return {name: 1 / len(names) for name in names}


def keep_entropy(logits: Tensor, floor: float) -> Tensor:
    """Logits drawn together until the entropy of their softmax is at least `floor` · log K.

    Args:
        logits: one for each objective, [K].
        floor: from 0 (anything goes) to 1 (all equal).
    """
    least = floor * math.log(len(logits))
    if _entropy(logits) >= least:
        return logits
    low, high = 0.0, 1.0  # factors whose entropy is above and below
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _entropy(middle * logits) >= least else (low, middle)
    return low * logits


def signal_to_noise(values: Sequence[float]) -> float:
    """|mean| of a series over its standard deviation; NaN for fewer than two values.

    >>> signal_to_noise([1.0, 2.0, 3.0])
    2.0
    """
    if len(values) < 2:
        return math.nan
    series = torch.tensor(values, dtype=torch.float64)
    return float(series.mean().abs() / series.std()) if series.std() > 0 else math.inf


def evidence(cosines: Sequence[float], slopes: Sequence[float], window: int = 50) -> dict[str, float]:
    """What moved a weight: the mean cosine over all steps, and the hypergradient's signal over its noise.

    Args:
        cosines: of the best response and the objective's gradient, NaN where a step has none.
        slopes: ∂F/∂λ_k of the same steps.
        window: last steps that the signal is taken from.
    """
    seen = [value for value in cosines if math.isfinite(value)]
    late = [value for value in slopes if math.isfinite(value)][-window:]
    mean = sum(seen) / len(seen) if seen else math.nan
    return {"cosine": mean, "signal_to_noise": signal_to_noise(late)}


def _entropy(logits: Tensor) -> float:
    return float(torch.distributions.Categorical(logits=logits.double()).entropy())
