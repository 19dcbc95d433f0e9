"""What weights learned beside planted objectives came to: counts, a table and a picture, in any domain."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from molweight.reports.json_file import write_json
from molweight.reports.pictures import draw_weights
from molweight.reports.tables import weights_table
from molweight.reports.versions import versions
from molweight.reports.weight_evidence import weight_evidence
from molweight.solver import StepRecord

LEAK, NOISE = "leak", "noise"
PLANT_REPORT = "plant.json"


@dataclass(frozen=True)
class PlantedRuns:
    """Weights learned beside planted objectives.

    Attributes:
        name: data set.
        sizes: of the parts.
        config: settings of learning, a dataclass.
        histories: of each seed.
    """

    name: str
    sizes: dict[str, int]
    config: Any
    histories: list[list[StepRecord]]

    @property
    def weights(self) -> dict[str, list[float]]:
        """The last weight of each objective with each seed."""
        names = self.histories[0][-1].weights
        return {name: [history[-1].weights[name] for history in self.histories] for name in names}

    @property
    def leak_above(self) -> int:
        """Seeds in which the leak ended above an equal share."""
        return sum(weight > 1 / len(self.weights) for weight in self.weights[LEAK])

    @property
    def noise_below(self) -> int:
        """Seeds in which the noise ended below an equal share."""
        return sum(weight < 1 / len(self.weights) for weight in self.weights[NOISE])


def write_planted(runs: PlantedRuns, folder: Path) -> dict[str, Any]:
    """Write plant.json and weights.png and return what plant.json holds."""
    content = {
        "dataset": runs.name,
        "sizes": runs.sizes,
        "seeds": list(range(len(runs.histories))),
        "equal_share": 1 / len(runs.weights),
        "leak_above": runs.leak_above,
        "noise_below": runs.noise_below,
        "weights": runs.weights,
        "evidence": weight_evidence(runs.histories),
        "config": asdict(runs.config),
        "versions": versions(),
    }
    trajectories = {n: [[r.weights[n] for r in history] for history in runs.histories] for n in runs.weights}
    draw_weights(trajectories, f"{runs.name}: weights beside planted objectives", folder / "weights.png")
    write_json(content, folder / PLANT_REPORT)
    return content


def print_planted(content: Mapping[str, Any], folder: Path, console: Console) -> None:
    """The table of weights and the two counts."""
    seeds = len(content["seeds"])
    console.print(
        weights_table(
            f"{content['dataset']}: weights beside planted objectives",
            content["weights"],
            content["evidence"],
        )
    )
    console.print(
        f"of {seeds} seeds, the leak ended above an equal share in {content['leak_above']}, "
        f"the noise below in {content['noise_below']}"
    )
    console.print(f"report: {folder / PLANT_REPORT}", soft_wrap=True)
