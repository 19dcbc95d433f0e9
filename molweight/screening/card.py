"""The card of an adapted model, in Markdown: what it is, what it is for, and how far it can be trusted.

The sections are those of Mitchell et al., Model Cards for Model Reporting, FAT* 2019, as far as they apply.
"""

import platform
from pathlib import Path

import numpy as np

from molweight.paths import replacing
from molweight.reports.markdown import code_block, escaped, table
from molweight.reports.tables import mean_and_spread
from molweight.reports.versions import versions
from molweight.reports.words import label
from molweight.screening.adapt import Adapted
from molweight.screening.comparison import (
    SPLIT_IN_WORDS,
    difference_sentences,
    digits_for,
    ensemble_sentence,
    in_words,
    method_scores,
    score_sentence,
)
from molweight.screening.domain import QUANTILE
from molweight.screening.findings import counted
from molweight.screening.held_out import coverage_reached, fits_of_test, hold_out
from molweight.screening.members import FOLDS
from molweight.screening.model import COVERAGE

FILES = {
    "model.json": "what the model is, and the checksums of its files",
    "weights.safetensors": "its members",
    "calibration.safetensors": "calibration, intervals or sets, and the domain",
    "training.csv": "the molecules and labels it was fitted on",
    "report.html": "figures, pictures and findings",
    "report.json": "the same figures for programs",
    "split.json": "the rows of each part of the split",
    "rejected.csv": "rows that were set aside, with the reason",
}


def write_card(adapted: Adapted, path: Path, command: str) -> None:
    """Write the card of a model; it lists those files of the model that lie beside it by then.

    Args:
        adapted: what adapting came to.
        path: Markdown file to write; it appears only when it is complete.
        command: that was given.
    """
    sections = {
        "What it is": _details(adapted),
        "Intended use": _use(adapted),
        "How it was chosen": _choice(adapted),
        "Data": _data(adapted),
        "Metrics": _metrics(adapted),
        "Calibration and coverage": _calibration(adapted),
        "Applicability domain": _domain(adapted),
        "Files": _files(path.parent),
        "How it was made": _making(adapted, command),
    }
    heading = f"# Model of {escaped(_what(adapted))}"
    text = "\n\n".join([heading, *(f"## {name}\n\n{content}" for name, content in sections.items())])
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _what(adapted: Adapted) -> str:
    tasks = adapted.training.data.tasks
    return tasks[0] if len(tasks) == 1 else f"{tasks[0]} and {counted(len(tasks) - 1, 'other task')}"


def _details(adapted: Adapted) -> str:
    data = adapted.training.data
    words = in_words(adapted.method)
    told = (
        f"An ensemble of {FOLDS} members of {adapted.method}: {words}. "
        f"It predicts {counted(len(data.tasks), 'task')} of {data.kind} from SMILES."
    )
    if data.kind == "regression":
        rows = [[escaped(name)] for name in data.tasks]
        return f"{told}\n\n{table(['task'], rows)}"
    named = zip(data.tasks, adapted.training.classes, strict=True)
    rows = [[escaped(name), escaped(one), escaped(zero)] for name, (zero, one) in named]
    return f"{told}\n\n{table(['task', 'positive class (1)', 'negative class (0)'], rows)}"


def _use(adapted: Adapted) -> str:
    return (
        "To rank and to triage molecules like those it was fitted on, before a measurement. It is not meant "
        "to replace a measurement, to decide on safety or treatment, or to speak of molecules outside its "
        "applicability domain. Its labels come from one table: what that table gets wrong, the model "
        "learns."
    )


def _choice(adapted: Adapted) -> str:
    tried = ", ".join(adapted.test)
    seeds = counted(len(adapted.config.seeds), "seed")
    return (
        f"Tried with {seeds} each: {tried}. {adapted.method} had the best mean "
        f"{label(adapted.metric.name)} on the validation part. The split is {adapted.split_name} "
        f"({SPLIT_IN_WORDS.get(adapted.split_name, 'as named')}), hash `{adapted.split.digest}`. "
        "The test part was scored only after the choice. " + ensemble_sentence(adapted)
    )


def _data(adapted: Adapted) -> str:
    training, sizes = adapted.training, adapted.split.sizes
    labels = (~np.isnan(training.data.labels)).sum(0)
    told = (
        f"{counted(len(training.data.smiles), 'molecule')} of {escaped(training.source)}; "
        f"{counted(len(training.set_aside), 'row')} set aside. "
        f"In the trials: {', '.join(f'{part} {size:,}' for part, size in sizes.items())}."
    )
    if adapted.unlabelled:
        told += f" {counted(adapted.unlabelled, 'unlabelled molecule')} were pretrained on beside them."
    counts = [[escaped(name), f"{count:,}"] for name, count in zip(training.data.tasks, labels, strict=True)]
    found = [f"- **{escaped(each.title)}.** {escaped(each.text)}" for each in training.findings]
    return "\n\n".join(
        [
            told,
            table(["task", "labels"], counts),
            *(["Found in the table:", "\n".join(found)] if found else []),
        ]
    )


def _metrics(adapted: Adapted) -> str:
    scores, metric = method_scores(adapted), label(adapted.metric.name)
    digits = digits_for([value for each in scores for value in (*each.test, *each.valid)])
    rows = [
        [
            f"**{each.name}**" if each.name == adapted.method else each.name,
            "–" if np.isnan(each.test).all() else mean_and_spread(each.test, digits),
            mean_and_spread(each.valid, digits),
            str(len(each.valid)),
        ]
        for each in scores
    ]
    better = "Higher" if adapted.metric.higher_is_better else "Lower"
    sentences = [score_sentence(adapted), *difference_sentences(adapted)]
    return "\n\n".join(
        [
            table(["method", f"test {metric}", f"validation {metric}", "seeds"], rows),
            f"Mean ± standard deviation over seeds. {better} is better; the method in bold was chosen.",
            *sentences,
        ]
    )


def _calibration(adapted: Adapted) -> str:
    held, of_test = coverage_reached(hold_out(adapted).fit, COVERAGE), fits_of_test(adapted)
    what = "Intervals" if adapted.training.data.kind == "regression" else "Sets of classes"
    on_test = coverage_reached(of_test, COVERAGE)
    told = [
        f"{what} made to hold {COVERAGE:.0%} of the measured labels held {held:.1%} of those of held-out "
        "molecules, each fold judged by the other folds."
    ]
    if np.isfinite(on_test):
        told.append(
            f"Of the {counted(len(adapted.split.test), 'molecule')} of the test part "
            f"({adapted.split_name} split), predicted by the trials, they held {on_test:.1%}."
        )
    told.append(
        "Coverage is promised on average, for molecules that could have come from the same table. Under new "
        "scaffolds, another assay or a later date nothing is guaranteed."
    )
    if (platt := adapted.model.platt) is not None:
        fitted = f"{int(platt.fitted.sum())} of {counted(len(platt.fitted), 'task')}"
        told.append(f"Probabilities were put right by Platt's scaling for {fitted}; the others are raw.")
    return " ".join(told)


def _domain(adapted: Adapted) -> str:
    return (
        f"A molecule counts as inside where its Tanimoto similarity (ECFP4) to the nearest training molecule "
        f"is {float(adapted.model.domain.threshold):.2f} or more; {QUANTILE:.0%} of the training molecules "
        "are less similar than that to the nearest other one. One inside may still be predicted badly."
    )


def _files(folder: Path) -> str:
    rows = [[f"`{name}`", content] for name, content in FILES.items() if (folder / name).is_file()]
    return table(["file", "content"], rows) if rows else "The files of the model lie in its folder."


def _making(adapted: Adapted, command: str) -> str:
    packages = {"python": platform.python_version(), **versions()}
    config = adapted.config
    told = (
        f"Budget {config.budget}, seeds {', '.join(map(str, config.seeds))}, checkpoint "
        f"{escaped(config.checkpoint)}, {config.compute}, {adapted.seconds:,.0f} s in all."
    )
    rows = [[name, version] for name, version in packages.items()]
    return "\n\n".join([code_block(command), told, table(["package", "version"], rows)])
