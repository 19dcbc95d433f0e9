"""Ranks, wins and goals over the data sets of a suite as tables, from what `summary.json` says."""

from collections.abc import Iterable, Sequence

from molweight.benchmarks.plain_table import Code, PlainTable
from molweight.benchmarks.suite.numbers import NOTHING, Told, of_kind, p_value, points
from molweight.benchmarks.suite.over_sets import CLASSIFICATION
from molweight.benchmarks.suite.summary import REFERENCES
from molweight.screening.findings import counted

ALL_CLASSIFICATION = 8  # sets that the goals are set for


def rank_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Mean ranks, and wins, ties, losses and corrected tests of our methods against every other."""
    return [_ranks(split, told["ranking"]), _pairs(split, told["pairs"])]


def goal_tables(split: str, told: Told, methods: Sequence[str]) -> list[PlainTable]:
    """Where each of our methods stands to what the protocol calls success, on the headline split."""
    goals = told["goals"]
    if not goals:
        return []
    headings = ("method", "on finetune", "on equal", "losses to them", "mean ROC-AUC", "not above rf", "rank")
    notes = ["Rank: mean rank among our methods by validation score, which chooses the one that is claimed."]
    classes = len(of_kind(told, CLASSIFICATION))
    if classes < ALL_CLASSIFICATION:
        notes.append(f"Only {classes} of {ALL_CLASSIFICATION} classification sets have been begun.")
    rows = tuple((Code(method), *_goal_cells(found, classes)) for method, found in goals.items())
    return [PlainTable(f"{split}: goals, and whether they are reached", headings, rows, tuple(notes))]


def _ranks(split: str, ranking: Told | None) -> PlainTable:
    title = f"{split}: mean ranks, 1 is best"
    if ranking is None:
        return PlainTable(title, (), (), ("Too few finished methods or data sets to rank.",))
    rows = tuple(
        (Code(m), f"{rank:.2f}") for m, rank in zip(ranking["methods"], ranking["ranks"], strict=True)
    )
    notes = [
        f"Over {len(ranking['sets'])} data sets ({', '.join(ranking['sets'])}). Friedman's test: "
        f"p = {p_value(ranking['friedman'])}. Critical difference at 5 % (Nemenyi): "
        f"{ranking['difference']:.2f}."
    ]
    if ranking["left_out"]:
        notes.append(f"Left out, because not finished: {', '.join(ranking['left_out'])}.")
    return PlainTable(title, ("method", "mean rank"), rows, tuple(notes))


def _pairs(split: str, pairs: Sequence[Told]) -> PlainTable:
    headings = (
        "method",
        "against",
        "sets",
        "wins",
        "ties",
        "losses",
        "less error (median)",
        "p",
        "corrected p",
    )
    rows = tuple((Code(p["method"]), Code(p["against"]), *_pair_cells(p)) for p in pairs)
    compared = sum(len(pair["sets"]) for pair in pairs)
    notes = [
        "Win, loss: the bootstrap interval over molecules and seeds leaves out 0. "
        f"Of {compared} comparisons of equals, about {0.025 * compared:.1f} would come out as wins and as "
        "many as losses.",
        "p: Wilcoxon's signed-rank test over data sets; corrected by Holm within the comparisons with "
        f"{', '.join(REFERENCES)} (with a method's own settings, where they were tried with these), and "
        "within all others.",
    ]
    if any(pair["too_few"] for pair in pairs):
        notes.append('"too few sets": with so many, no corrected p could be below 0.05, whatever the gains.')
    return PlainTable(f"{split}: wins, ties and losses", headings, rows, tuple(notes))


def _pair_cells(pair: Told) -> Iterable[str]:
    lost = f" ({', '.join(pair['lost'])})" if pair["lost"] else ""
    yield from (str(len(pair["sets"])), str(pair["wins"]), str(pair["ties"]), f"{pair['losses']}{lost}")
    yield NOTHING if pair["median"] is None else f"{100 * pair['median']:+.1f} %"
    yield p_value(pair["p"])
    yield "too few sets" if pair["too_few"] else p_value(pair["corrected"])


def _goal_cells(found: Told, classes: int) -> Iterable[str]:
    for rival in ("finetune", "equal"):
        each = found["gains"].get(rival)
        complete = each is not None and each["sets"] == ALL_CLASSIFICATION
        yield (
            NOTHING
            if each is None
            else (
                f"{points(each['mean'], '+')} of {points(each['wanted'], '+')} "
                f"({_said(each['mean'] >= each['wanted'], complete, each['sets'])})"
            )
        )
    yield ", ".join(found["lost"]) or "none"
    mean = found["mean"]
    yield (
        NOTHING
        if mean is None
        else (
            f"{points(mean)} of {points(found['published'])} "
            f"({_said(mean > found['published'], classes == ALL_CLASSIFICATION, classes)})"
        )
    )
    below = ", ".join(found["below_forest"]) or "none"
    yield f"{below} (of {counted(found['compared_with_forest'], 'set')})"
    yield NOTHING if found["validation_rank"] is None else f"{found['validation_rank']:.2f}"


def _said(reached: bool, complete: bool, sets: int) -> str:
    return ("reached" if reached else "not reached") + ("" if complete else f", on {counted(sets, 'set')}")
