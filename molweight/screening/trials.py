"""Trials: each method with each seed on the split, kept on disk as soon as it is done."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from molweight.encoders.gin import GIN
from molweight.errors import DataError
from molweight.molecules.splits import Split
from molweight.paths import replacing
from molweight.reports.progress import Advance, announce, progress_bar
from molweight.reports.side_by_side import side_by_side
from molweight.run_folder import RunFolder
from molweight.solver import StepRecord
from molweight.tasks.metrics import Metric, score

ENCODER = "encoder."


class Fitted(Protocol):
    """What a method of any domain comes to."""

    @property
    def predict(self) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
        """From positions in the data."""

    @property
    def valid(self) -> float:
        """Validation score."""

    @property
    def weights(self) -> dict[str, float] | None:
        """Of the objectives at the end, where it had any."""

    @property
    def history(self) -> list[StepRecord]:
        """Of learning them."""

    @property
    def encoder(self) -> nn.Module | None:
        """What was fine-tuned, as it was before."""


class Job(Protocol):
    """What a method of any domain is asked for."""

    @property
    def seed(self) -> int:
        """Of everything random."""

    @property
    def split(self) -> Split:
        """Of the data."""


Asked = TypeVar("Asked", bound=Job)


class Ranked(Protocol):
    """A figure of merit of any domain."""

    @property
    def higher_is_better(self) -> bool:
        """Whether it is."""


@dataclass(frozen=True)
class Trial:
    """One method with one seed.

    Attributes:
        method: its name.
        seed: of its random choices.
        valid: validation score, by which the method is chosen.
        predicted: of the molecules of the test part, float32 [molecules, tasks].
        seconds: that it took.
        weights: of the objectives at the end, where it had any.
        history: of learning them.
        encoder: state of the encoder that was fine-tuned, before it was; empty where there is none.
    """

    method: str
    seed: int
    valid: float
    predicted: NDArray[np.float32]
    seconds: float
    weights: dict[str, float] | None = None
    history: list[StepRecord] = field(default_factory=list, repr=False)
    encoder: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def rebuild_encoder(self, like: GIN) -> GIN:
        """The encoder that was fine-tuned, of the shape of another."""
        encoder = GIN(len(like.gnn_layers), like.width)
        encoder.load_state_dict(dict(self.encoder))
        return encoder


def try_method(name: str, method: Callable[[Asked], Fitted], job: Asked) -> Trial:
    """Fit, predict the test part, and say what came of it.

    Args:
        name: of the method.
        method: fits what a job asks for, in any domain.
        job: with its split.
    """
    began = time.perf_counter()
    fitted = method(job)
    seconds = time.perf_counter() - began
    state = {} if fitted.encoder is None else fitted.encoder.state_dict()
    kept = {n: value.detach().cpu().clone() for n, value in state.items()}
    predicted = fitted.predict(job.split.test)
    return Trial(name, job.seed, fitted.valid, predicted, seconds, fitted.weights, fitted.history, kept)


@dataclass(frozen=True)
class Trials(RunFolder):
    """The folder of the trials that a run has made."""

    def load(self, method: str, seed: int) -> Trial | None:
        """A trial made before, or None.

        Raises:
            DataError: if its file is damaged.
        """
        path = self._path(method, seed)
        if not path.exists():
            return None
        try:
            with safe_open(path, "pt") as opened:
                about = json.loads(opened.metadata()["trial"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            predicted = tensors.pop("predicted").numpy()
            encoder = {name.removeprefix(ENCODER): value for name, value in tensors.items()}
            about["history"] = [StepRecord(**record) for record in about["history"]]
            return Trial(method, seed, predicted=predicted, encoder=encoder, **about)
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"{path}: not a trial of this version ({error}); delete it and resume") from None

    def save(self, trial: Trial) -> None:
        """Keep a trial; the snapshot that led to it has done its work."""
        about = {
            "valid": trial.valid,
            "seconds": trial.seconds,
            "weights": trial.weights,
            "history": [asdict(record) for record in trial.history],
        }
        tensors = {ENCODER + name: value for name, value in trial.encoder.items()}
        tensors["predicted"] = torch.from_numpy(np.ascontiguousarray(trial.predicted))
        with replacing(self._path(trial.method, trial.seed)) as temporary:
            temporary.write_bytes(save(tensors, {"trial": json.dumps(about)}))
        self.snapshot(trial.method, trial.seed).unlink(missing_ok=True)

    def snapshot(self, method: str, seed: int) -> Path:
        """Where a method may keep its state while it runs."""
        return self.folder / f"{method}-{seed}.snapshot.safetensors"

    def _path(self, method: str, seed: int) -> Path:
        return self.folder / f"{method}-{seed}.safetensors"


def run_trials(
    methods: Iterable[str],
    seeds: Sequence[int],
    kept: Trials,
    metric: str,
    attempt: Callable[[str, int, Advance], Trial],
    jobs: int = 1,
) -> list[Trial]:
    """Every method with every seed, each kept as soon as it is done; what was done before is taken as it is.

    Args:
        methods: names.
        seeds: of each.
        kept: folder of finished trials, begun.
        metric: its name, for the lines shown.
        attempt: from a method's name, a seed and a function that reports progress to the trial.
        jobs: processes; -1 for one on each core.
    """

    def tell(trial: Trial) -> None:
        reached = f"valid {metric} {trial.valid:.3f} in {trial.seconds:.0f} s"
        announce(f"{trial.method}, seed {trial.seed}: {reached}")

    def shown(method: str, seed: int) -> Trial:
        with progress_bar(f"{method}, seed {seed}") as advance:
            return attempt(method, seed, advance)

    asked = [(method, seed) for method in methods for seed in seeds]
    found = {each: trial for each in asked if (trial := kept.load(*each)) is not None}
    for trial in found.values():
        tell(trial)
    left = [each for each in asked if each not in found]
    for place, trial in side_by_side(shown, left, jobs, "trials"):
        kept.save(trial)
        tell(trial)
        found[left[place]] = trial
    return [found[each] for each in asked]


def best_method(trials: Sequence[Trial], metric: Ranked) -> str:
    """The method with the best mean validation score over its seeds; the first one of equals."""
    methods = list(dict.fromkeys(trial.method for trial in trials))
    means = [float(np.mean([t.valid for t in trials if t.method == method])) for method in methods]
    return methods[int(np.argmax(means) if metric.higher_is_better else np.argmin(means))]


def scores_on_test(
    trials: Sequence[Trial], metric: Metric, labels: NDArray[np.float32], tasks: tuple[str, ...]
) -> dict[str, list[float]]:
    """Each method's test score with each seed: NaN where the test part cannot be scored.

    Args:
        trials: all of them.
        metric: figure of merit.
        labels: of the test part, [molecules, tasks].
        tasks: their names.
    """
    found: dict[str, list[float]] = {}
    for trial in trials:
        found.setdefault(trial.method, []).append(score(metric, labels, trial.predicted, tasks).value)
    return found
