"""What adapting to texts came to: figures for programs, a page, and a model card of the same parts."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molweight.paths import replacing
from molweight.reports.markdown import code_block, escaped, table
from molweight.reports.page import Grid, Picture, Section, write_page
from molweight.reports.pictures import weights_figure
from molweight.reports.tables import mean_and_spread
from molweight.reports.versions import versions
from molweight.reports.words import label
from molweight.screening.calibration import reliability
from molweight.screening.findings import counted
from molweight.screening.learned_weights import trajectories
from molweight.screening.members import FOLDS
from molweight.text.adapt import TextAdapted
from molweight.text.comparison import IN_WORDS, score_sentences
from molweight.text.metrics import TEXT_METRICS, score
from molweight.text.model import COVERAGE, held_out_fits, held_out_probabilities

PACKAGES = ("transformers", "tokenizers")
SHOWN_ASIDE = 50  # rows set aside


def summarise_texts(adapted: TextAdapted) -> dict[str, Any]:
    """Scores of every method by seed, and of the ensemble on texts its members had not seen."""
    data, fitted = adapted.training.data, adapted.fitted
    methods = {
        method: {
            "valid": [t.valid for t in adapted.trials if t.method == method],
            "test": test,
            "seconds": [round(t.seconds, 2) for t in adapted.trials if t.method == method],
        }
        for method, test in adapted.test.items()
    }
    weights = {f"{t.method}, seed {t.seed}": t.weights for t in adapted.trials if t.weights}
    seen = score(adapted.metric, data.labels, fitted.out_of_fold, data.classes)
    return {
        "metric": adapted.metric.name,
        "higher_is_better": adapted.metric.higher_is_better,
        "kind": data.kind,
        "classes": list(data.classes),
        "chosen": adapted.method,
        "methods": methods,
        "objective_weights": weights,
        "out_of_fold": {
            metric.name: score(metric, data.labels, fitted.out_of_fold).value
            for metric in TEXT_METRICS.values()
            if metric.kind == data.kind
        },
        "out_of_fold_f1": seen.per_task,
        "coverage": {"asked": COVERAGE, "held_out": _held_out_coverage(adapted)},
        "calibration_error": _calibration_error(adapted),
        "split_digest": adapted.split.digest,
        "sizes": adapted.split.sizes,
        "texts": len(data),
        "truncated": adapted.truncated,
        "unlabelled": adapted.unlabelled,
        "findings": [[each.title, each.text] for each in adapted.training.findings],
        "set_aside": len(adapted.training.set_aside),
        "model": adapted.encoder,
        "seconds": round(adapted.seconds, 1),
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
    }


def write_text_page(adapted: TextAdapted, report: dict[str, Any], path: Path, command: str) -> None:
    """Write the parts as one HTML file."""
    pictures = [
        Section(f"Objective weights of {method} while learning", pictures=[_weights_picture(adapted, method)])
        for method in adapted.test
        if any(t.method == method and t.history for t in adapted.trials)
    ]
    parts = report_parts(adapted, report, command)
    write_page(path, _title(adapted), "", [*parts[:2], *pictures, *parts[2:]])


def write_text_card(adapted: TextAdapted, report: dict[str, Any], path: Path, command: str) -> None:
    """Write the parts as Markdown."""
    parts = [f"# {escaped(_title(adapted))}", *map(_as_markdown, report_parts(adapted, report, command))]
    with replacing(path) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def report_parts(adapted: TextAdapted, report: dict[str, Any], command: str) -> list[Section]:
    """What a reader of either is told, in order."""
    return [
        _what_it_is(adapted),
        _methods(adapted),
        _calibration(adapted, report),
        *_data(adapted),
        _making(adapted, report, command),
    ]


def _title(adapted: TextAdapted) -> str:
    return f"Model of {adapted.training.target}, from {adapted.training.source}"


def _what_it_is(adapted: TextAdapted) -> Section:
    training, about = adapted.training, adapted.model.about
    pair = f" and {about.pair_column!r}" if about.pair_column else ""
    what = f"one of {len(about.classes)} classes" if about.classes else "a value"
    told = [
        f"It predicts {training.target!r}, {what}, from {about.text_column!r}{pair}: an ensemble of {FOLDS} "
        f"members of {adapted.method} ({IN_WORDS.get(adapted.method, 'as named')}), each fitted without one "
        "of five random folds.",
        "It is meant for texts like those it was fitted on. Labels come from one table: what that table "
        "gets wrong, the model learns. It does not know a text of another kind when it sees one.",
    ]
    if about.method != "tfidf" and adapted.truncated:
        told.append(
            f"Of {counted(adapted.truncated, 'text')} only the first {about.max_length} tokens were read; "
            "--max-length says otherwise."
        )
    return Section("What it is", told)


def _methods(adapted: TextAdapted) -> Section:
    metric = label(adapted.metric.name)
    rows = []
    for method, test in adapted.test.items():
        trials = [t for t in adapted.trials if t.method == method]
        rows.append(
            [
                f"{method} (chosen)" if method == adapted.method else method,
                IN_WORDS.get(method, ""),
                mean_and_spread(test),
                mean_and_spread([t.valid for t in trials]),
                str(len(trials)),
                f"{np.mean([t.seconds for t in trials]):.1f}",
            ]
        )
    better = "higher" if adapted.metric.higher_is_better else "lower"
    told = [
        *score_sentences(adapted),
        f"Mean ± standard deviation over seeds; {better} is better. The validation part made the choice; "
        "the test part was scored after it. The ensemble itself has not been tested as a whole.",
    ]
    headings = ["method", "", f"test {metric}", f"validation {metric}", "seeds", "seconds"]
    chosen = tuple(place for place, method in enumerate(adapted.test) if method == adapted.method)
    return Section("Methods", told, Grid(headings, rows, (0, 1), chosen))


def _calibration(adapted: TextAdapted, report: dict[str, Any]) -> Section:
    what = "Sets of classes" if adapted.model.about.classes else "Intervals"
    told = [
        f"{what} made to hold {COVERAGE:.0%} of the labels held {report['coverage']['held_out']:.1%} of "
        "those of held-out texts, each fold judged by the others. That is promised on average, for texts "
        "that could have come from the same table, and for no others."
    ]
    if (temperature := adapted.model.temperature) is not None:
        told.append(
            f"Logits are divided by {temperature.value[0]:.3g} to make probabilities; their expected "
            f"calibration error on held-out texts is {report['calibration_error']:.3f}."
        )
    rows = [[name, f"{value:.3f}"] for name, value in report["out_of_fold_f1"].items()]
    grid = Grid(["class", "F1 on held-out texts"], rows) if rows else None
    return Section("Calibration and coverage", told, grid)


def _data(adapted: TextAdapted) -> list[Section]:
    training = adapted.training
    sizes = ", ".join(f"{part} {size:,}" for part, size in adapted.split.sizes.items())
    told = [
        f"{counted(len(training.data), 'text')} of {training.source}; "
        f"{counted(len(training.set_aside), 'row')} set aside. "
        f"In the trials: {sizes}, drawn at random with an equal share of every class."
    ]
    if adapted.unlabelled:
        told.append(f"{counted(adapted.unlabelled, 'unlabelled text')} were given to pretrain on.")
    rows = [[each.title, each.text] for each in training.findings]
    found = [Section("Data", told, Grid(["finding", "what"], rows, (0, 1)))]
    if training.set_aside:
        aside = [
            [f"{each.row + 1:,}", each.text[:80], each.reason] for each in training.set_aside[:SHOWN_ASIDE]
        ]
        told = [f"The first {SHOWN_ASIDE}; all are in rejected.csv."] if len(aside) == SHOWN_ASIDE else []
        found.append(Section("Rows set aside", told, Grid(["row", "text", "reason"], aside, (0, 1, 2))))
    return found


def _making(adapted: TextAdapted, report: dict[str, Any], command: str) -> Section:
    config = adapted.config
    settings = {
        "budget": config.budget,
        "seeds": ", ".join(map(str, config.seeds)),
        "objectives": ", ".join(map(label, config.objectives)),
        "compute": str(config.compute),
        "split": adapted.split.digest,
        **{name: str(value) for name, value in (report["model"] | report["versions"]).items()},
    }
    told = [f"It took {adapted.seconds:,.0f} s in all."]
    return Section(
        "How this was made",
        told,
        Grid(["setting", "value"], list(map(list, settings.items())), (0, 1)),
        code=command,
    )


def _weights_picture(adapted: TextAdapted, method: str) -> Picture:
    trials = [t for t in adapted.trials if t.method == method and t.history]
    shares: dict[str, Sequence[float]] = {
        name: [t.history[-1].weights[name] for t in trials] for name in trials[0].history[-1].weights
    }
    words = ", ".join(f"{label(name)} {np.mean(values):.2f}" for name, values in shares.items())
    figure = weights_figure(trajectories(trials), "objective weights while learning")
    return Picture(figure, f"objective weights over steps; mean share at the end: {words}")


def _as_markdown(section: Section) -> str:
    parts = [f"## {section.title}", *map(escaped, section.paragraphs)]
    if section.grid is not None and section.grid.rows:
        cells = [[escaped(cell) for cell in row] for row in section.grid.rows]
        parts.append(table([escaped(heading) for heading in section.grid.headings], cells))
    if section.code:
        parts.append(code_block(section.code))
    return "\n\n".join(parts)


def _held_out_coverage(adapted: TextAdapted) -> float:
    fits = held_out_fits(adapted.training.data, adapted.fitted)
    return float((fits > round(1 - COVERAGE, 9)).mean())


def _calibration_error(adapted: TextAdapted) -> float:
    """Of the probability of the class that is predicted; NaN for values."""
    data = adapted.training.data
    if data.kind == "regression":
        return float("nan")
    probabilities = held_out_probabilities(data, adapted.fitted)
    right = probabilities.argmax(axis=1) == data.labels
    found = reliability(probabilities.max(axis=1, keepdims=True), right[:, None].astype(np.float32))
    return float(found.expected_error()[0])
