"""From SMILES to graphs: multiples of RDKit's parse alone, beside DGL-LifeSci and DeepChem."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rdkit.Chem import MolFromSmiles
from rdkit.rdBase import BlockLogs
from rich.table import Table

from molweight.benchmarks.speed.corpus import samples
from molweight.benchmarks.speed.rivals import DEEPCHEM, DGLLIFE, rivals, same_numbers
from molweight.benchmarks.speed.setting import Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.molecules.featurize import featurize_smiles
from molweight.molecules.store import CHUNK, build_store

UNIT, OURS = "parse alone", "graphs"
FEW = 200


def featurise(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time one chunk of each corpus, of the molecules that all featurisers take."""
    with BlockLogs():
        found = {name: measure(texts, config) for name, texts in samples(setting, CHUNK).items()}
    installed = next(iter(found.values()))["rows"]
    return {"corpora": found, "left_out": [name for name in (DGLLIFE, DEEPCHEM) if name not in installed]}


def measure(texts: Sequence[str], config: SpeedConfig) -> dict[str, Any]:
    """Rows by label, in turn in one process; the others, which take long, on the first `FEW` molecules.

    Raises:
        RuntimeError: if ours and DGL-LifeSci's numbers are not the same.
    """
    others = rivals()
    accepted, compared = accepted_by_all(texts, others)
    few = accepted[:FEW]
    with TemporaryDirectory() as folder:
        store = partial(build_store, accepted, Path(folder) / "store.arrow", workers=1)
        rows = _rows({**_ours(accepted), "store": store}, config, len(accepted))
    rows_of_few = _rows(
        {**_ours(few), **{name: partial(_one_by_one, featurize, few) for name, featurize in others.items()}},
        config,
        len(few),
    )
    rows |= {name: rows_of_few[name] for name in others}
    return {"rows": rows, "molecules": len(accepted), "of": len(texts), "same_as_dgllife": compared}


def _ours(texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    return {UNIT: partial(parse_alone, texts), OURS: partial(featurize_smiles, texts)}


def _rows(calls: dict[str, Callable[[], object]], config: SpeedConfig, molecules: int) -> dict[str, Any]:
    seconds = time_in_turn(calls, config.rounds, min(config.warmup, 1))
    return {
        label: {
            "cost": asdict(ratio(took, seconds[UNIT])),
            "times_ours": asdict(ratio(took, seconds[OURS])),
            "microseconds": 1e6 * median(took) / molecules,
        }
        for label, took in seconds.items()
    }


def parse_alone(texts: Sequence[str]) -> None:
    """What every featuriser does first."""
    for text in texts:
        MolFromSmiles(text)


def accepted_by_all(texts: Sequence[str], others: dict[str, Callable[[str], Any]]) -> tuple[list[str], int]:
    """The SMILES that every featuriser takes, and how many of them gave DGL-LifeSci's very numbers.

    Raises:
        RuntimeError: if one did not.
    """
    rejected = {r.row for r in featurize_smiles(texts).rejected}
    accepted, compared = [], 0
    for text in (text for row, text in enumerate(texts) if row not in rejected):
        graphs = {name: featurize(text) for name, featurize in others.items()}
        if any(graph is None for graph in graphs.values()):
            continue
        if DGLLIFE in graphs:
            if not same_numbers(text, graphs[DGLLIFE]):
                raise RuntimeError(f"{text}: not the numbers that DGL-LifeSci gives")
            compared += 1
        accepted.append(text)
    return accepted, compared


def featurise_table(result: dict[str, Any]) -> Table:
    """A line for each featuriser and corpus."""
    compared = sum(corpus["same_as_dgllife"] for corpus in result["corpora"].values())
    same = f"{compared} molecules have the same numbers as dgllife's"
    left_out = f"{', '.join(result['left_out'])} not installed and left out"
    table = Table(
        title="from SMILES to graphs, one core, µs a molecule",
        caption=f"cost as a multiple of RDKit's parse; {left_out if result['left_out'] else same}",
    )
    for heading in ("corpus", "featuriser", "cost", "quartiles", "µs", "times ours"):
        table.add_column(heading, justify="left" if heading in ("corpus", "featuriser") else "right")
    for name, corpus in result["corpora"].items():
        for label, row in corpus["rows"].items():
            cost = row["cost"]
            table.add_row(
                name,
                label,
                f"{cost['median']:.2f}",
                f"{cost['lower']:.2f} to {cost['upper']:.2f}",
                f"{row['microseconds']:.0f}",
                f"{row['times_ours']['median']:.2f}",
            )
    return table


def _one_by_one(featurize: Callable[[str], Any], texts: Sequence[str]) -> None:
    for text in texts:
        featurize(text)
