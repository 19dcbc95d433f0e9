"""`python -m molweight.benchmarks.markdown PAGE`: fill a Markdown page with the tables of its reports.

A page names a report in a comment, `<!-- report results/bbbp/report.json -->`, by its path from the page,
the summary of a suite, a part of it and a split, `<!-- suite summary.json ranks chiral-scaffold -->`, what
choosing methods came to, `<!-- choosing results/choosing.json -->`, or reports of weights beside planted
objectives, a line each, `<!-- planted bbbp/plant.json esol/plant.json -->`; what lies between that and
`<!-- end -->` is replaced, and no figure of a table is typed by hand.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from molweight.benchmarks.choosing_report import choosing_tables
from molweight.benchmarks.plain_table import PlainTable
from molweight.benchmarks.planted_report import LEAK, NOISE
from molweight.benchmarks.program import run_program
from molweight.benchmarks.suite.comparison import paired_difference, verdict
from molweight.benchmarks.suite.parts import tables_of
from molweight.errors import DataError
from molweight.paths import replacing
from molweight.reports.markdown import table
from molweight.reports.tables import mean_and_spread
from molweight.reports.words import label

OURS, RIVALS = "tapweight", ("finetune", "equal", "mlm")
MARKED = re.compile(
    r"(?P<begin><!-- (?:report (?P<report>\S+)|planted (?P<planted>\S+(?: \S+)*)|choosing (?P<choosing>\S+)|"
    r"suite (?P<suite>\S+) (?P<part>\S+) (?P<split>\S+)) -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
)

Report = Mapping[str, Any]


def filled(page: str, folder: Path) -> str:
    """The page with the tables of the reports that it names.

    Args:
        page: Markdown.
        folder: that its paths start from.

    Raises:
        DataError: if a report cannot be read, or the page names none.
    """
    if not MARKED.search(page):
        raise DataError(
            "the page names no report; put <!-- report PATH -->, <!-- planted PATH ... -->, "
            "<!-- choosing PATH --> or <!-- suite PATH PART SPLIT -->, and <!-- end -->, where it belongs"
        )
    return MARKED.sub(lambda found: f"{found['begin']}\n{_content(found, folder)}\n{found['end']}", page)


def tables(report: Report) -> str:
    """Scores of each method, how ours compares over paired seeds, and the weights it learned."""
    parts = [_scores(report), _paired(report)]
    weights = report["methods"].get(OURS, {}).get("weights")
    return "\n".join([*parts, *([_weights(report)] if weights else [])])


def fill(page: Annotated[Path, typer.Argument(help="Markdown page, changed in place.")]) -> None:
    """Fill a page with the tables of the reports that it names."""
    content = filled(page.read_text(encoding="utf-8"), page.parent)
    with replacing(page) as temporary:
        temporary.write_text(content, encoding="utf-8")


def main() -> None:
    """The program."""
    run_program(fill)


def _content(found: re.Match[str], folder: Path) -> str:
    if found["report"]:
        return tables(_read(folder / found["report"]))
    if found["planted"]:
        return _planted([_read(folder / path) for path in found["planted"].split(" ")])
    if found["choosing"]:
        return _in_markdown(choosing_tables(_read(folder / found["choosing"])))
    return _in_markdown(tables_of(_read(folder / found["suite"]), found["part"], found["split"]))


def _in_markdown(shown: Sequence[PlainTable]) -> str:
    return "\n\n".join(each.as_markdown() for each in shown) + "\n"


def _read(path: Path) -> Report:
    try:
        report: Report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a report ({error})") from None
    return report


def _scores(report: Report) -> str:
    metric = label(report["metric"])
    others = list(next(iter(report["methods"].values()))["test_others"])
    headings = [
        "method",
        f"test {metric}",
        *(f"test {label(o)}" for o in others),
        f"valid {metric}",
        "seconds",
    ]

    def row(name: str, found: Report) -> list[str]:
        scores = [found["test"], *(found["test_others"][other] for other in others), found["valid"]]
        return [f"`{name}`", *map(mean_and_spread, scores), f"{np.mean(found['seconds']):.0f}"]

    return _table(headings, [row(name, found) for name, found in report["methods"].items()])


def _paired(report: Report) -> str:
    methods = report["methods"]
    if OURS not in methods:
        return ""
    rivals = [name for name in RIVALS if name in methods]
    rows = [[f"`{name}`", *_compared(methods[OURS]["test"], methods[name]["test"])] for name in rivals]
    return _table([f"`{OURS}` against", f"difference of test {label(report['metric'])}", "which says"], rows)


def _compared(ours: Sequence[float], theirs: Sequence[float]) -> tuple[str, str]:
    mean, low, high = paired_difference(ours, theirs)
    if np.isnan(low):
        return f"{mean:+.3f}", "nothing, of one seed"
    says = {"win": "higher", "loss": "lower", "tie": "no difference that can be told"}[verdict(low, high)]
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})", says


def _weights(report: Report) -> str:
    found = report["methods"][OURS]
    equal = 1 / len(found["weights"])

    def row(name: str, values: Sequence[float]) -> list[str]:
        above = sum(value > equal for value in values)
        cosines = mean_and_spread(found["evidence"][name]["cosine"])
        return [label(name), mean_and_spread(values), f"{above} of {len(values)}", cosines]

    headings = ["objective", "learned weight", "seeds above an equal share", "mean cosine"]
    return _table(headings, [row(name, values) for name, values in found["weights"].items()])


def _planted(reports: Sequence[Report]) -> str:
    """Weights of the planted objectives at the end, and in how many seeds they were found out."""
    headings = ["data set", "leak", "noise", "each of the others", "leak above", "noise below"]

    def row(report: Report) -> list[str]:
        weights, seeds = report["weights"], len(report["seeds"])
        others = [np.mean(values) for name, values in weights.items() if name not in (LEAK, NOISE)]
        counts = (f"{report[key]} of {seeds}" for key in ("leak_above", "noise_below"))
        raw = "" if report["config"]["loop"]["normalise"] else ", losses in their own units"
        between = f"{min(others):.3f} to {max(others):.3f}"
        return [
            report["dataset"] + raw,
            *(mean_and_spread(weights[n]) for n in (LEAK, NOISE)),
            between,
            *counts,
        ]

    return _table(headings, [row(report) for report in reports])


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(headings, rows) + "\n"


if __name__ == "__main__":
    main()
