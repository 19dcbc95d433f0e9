"""Label columns of a user's table: what they hold, as numbers, and what was read into them."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from molweight.errors import ConfigError, DataError
from molweight.screening.findings import Finding, counted
from molweight.screening.label_texts import Class, LabelTexts, sort_labels
from molweight.screening.units import molar_exponent, stated_unit
from molweight.tasks.data import TaskKind

Censored = Literal["missing", "bound"]
Kind = Literal["auto", "classification", "regression"]
_DECADES = 2  # of a concentration: more of them call for its logarithm


@dataclass(frozen=True)
class Targets:
    """The label columns of a table.

    Attributes:
        tasks: their names.
        kind: of all of them.
        labels: float32 [rows, tasks], NaN where missing; 0 or 1 for classification.
        classes: what the negative and the positive class of each task are called, for classification.
        findings: what was read into the texts.
    """

    tasks: tuple[str, ...]
    kind: TaskKind
    labels: NDArray[np.float32]
    classes: dict[str, tuple[str, str]]
    findings: list[Finding]


def find_targets(
    table: pd.DataFrame,
    targets: Sequence[str],
    kind: Kind = "auto",
    censored: Censored = "missing",
) -> Targets:
    """Read the label columns of a table of texts.

    Left to itself, it takes columns for classes if each holds exactly 0 and 1 or two opposite words,
    such as active and inactive, and for numbers otherwise. A censored value, such as >10, is no number:
    it counts as missing unless its bound is to stand for it, and is reported either way.

    Args:
        table: all rows, as strings.
        targets: names of the label columns.
        kind: classification or regression, where it is not to be found out.
        censored: "missing", or "bound" to keep the bound of a censored value as its label.

    Raises:
        ConfigError: if no column is named, or one twice.
        DataError: if a column is missing, holds what is no label, or all its labels are the same or
            missing; the text names the first bad row and the remedy.
    """
    _check_names(table, targets)
    sorted_texts = {name: sort_labels(table[name], f"column {name!r}") for name in targets}
    found = _kind(sorted_texts) if kind == "auto" else kind
    if found == "classification":
        return _classification(sorted_texts)
    return _regression(sorted_texts, table, censored)


def _check_names(table: pd.DataFrame, targets: Sequence[str]) -> None:
    if not targets:
        raise ConfigError("no label column is named; give --target")
    for name in targets:
        if name not in table.columns:
            near = difflib.get_close_matches(name, table.columns, n=1)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else f"there are {', '.join(map(repr, table.columns[:8]))}"
            )
            raise DataError(f"there is no column {name!r}; {hint}")
        if targets.count(name) > 1:
            raise ConfigError(f"--target {name} is given twice")


def _kind(columns: dict[str, LabelTexts]) -> TaskKind:
    classes = [name for name, texts in columns.items() if texts.classes]
    numbers = [name for name in columns if name not in classes]
    if classes and numbers:
        raise DataError(
            f"column {classes[0]!r} holds two classes, but {numbers[0]!r} does not; adapt to classes and to "
            "numbers in separate runs, or say which they are with --kind"
        )
    return "classification" if classes else "regression"


def _classification(columns: dict[str, LabelTexts]) -> Targets:
    labels = np.full((len(next(iter(columns.values())).numbers), len(columns)), np.nan, np.float32)
    called: dict[str, tuple[str, str]] = {}
    findings: list[Finding] = []
    for task, (name, texts) in enumerate(columns.items()):
        (negative, zeros), (positive, ones) = texts.classes or _two_numbers(name, texts)
        labels[zeros, task], labels[ones, task] = 0, 1
        called[name] = (negative, positive)
        text = (
            f"{positive!r} is the positive class of {name!r} ({counted(len(ones), 'row')}), "
            f"{negative!r} the negative one ({counted(len(zeros), 'row')})."
        )
        findings += [Finding("Classes", text), *_about_missing(name, texts)]
    return Targets(tuple(columns), "classification", labels, called, findings)


def _two_numbers(name: str, texts: LabelTexts) -> tuple[Class, Class]:
    if texts.bounds:
        row = min(texts.bounds)
        raise DataError(
            f"column {name!r}, row {row + 1} below the header: a bound is no class; "
            "write the classes as 0 and 1"
        )
    values = np.unique(texts.numbers[~np.isnan(texts.numbers)])
    _refuse_constant(name, values)
    if len(values) > 2:
        raise DataError(
            f"column {name!r} has {len(values)} different values, not two classes; write the classes as "
            "0 and 1, or adapt with --kind regression"
        )
    low, high = ((f"{v:g}", np.flatnonzero(texts.numbers == v).tolist()) for v in values)
    return low, high


def _regression(columns: dict[str, LabelTexts], table: pd.DataFrame, censored: Censored) -> Targets:
    labels = []
    findings: list[Finding] = []
    for name, texts in columns.items():
        numbers = _numbers(name, texts)
        if texts.bounds:
            findings.append(_about_bounds(name, texts.bounds, table[name], censored))
            if censored == "bound":
                numbers[list(texts.bounds)] = list(texts.bounds.values())
        _refuse_constant(name, np.unique(numbers[~np.isnan(numbers)]), len(texts.bounds))
        findings += [*_about_missing(name, texts), *_about_unit(name, numbers)]
        labels.append(numbers)
    return Targets(tuple(columns), "regression", np.stack(labels, 1).astype(np.float32), {}, findings)


def _numbers(name: str, texts: LabelTexts) -> NDArray[np.float64]:
    if texts.classes and (
        rows := [r for _, some in texts.classes for r in some if np.isnan(texts.numbers[r])]
    ):
        words = " and ".join(repr(word) for word, _ in texts.classes)
        raise DataError(
            f"column {name!r}, row {min(rows) + 1} below the header: {words} are classes, not numbers; "
            "adapt with --kind classification"
        )
    return texts.numbers.copy()


def _refuse_constant(name: str, values: NDArray[np.float64], bounds: int = 0) -> None:
    if len(values) > 1:
        return
    hint = (
        f", and {counted(bounds, 'label')} are bounds; give --censored bound to use these" if bounds else ""
    )
    if len(values) == 0:
        raise DataError(f"column {name!r}: every label is missing{hint or '; check the column'}")
    raise DataError(
        f"column {name!r}: every label is {values[0]:g}{hint or '; there is nothing to learn from it'}"
    )


def _about_bounds(
    name: str, bounds: dict[int, float], texts: "pd.Series[str]", censored: Censored
) -> Finding:
    count = counted(len(bounds), "label")
    verb = "is a bound" if len(bounds) == 1 else "are bounds"
    done = (
        "kept at the bound, which draws predictions towards it"
        if censored == "bound"
        else "left out; give --censored bound to keep the bounds"
    )
    example = texts.iloc[min(bounds)].strip()
    return Finding(
        "Censored labels",
        f"{count} of {name!r} {verb}, such as {example!r}, and {done}.",
        tuple(sorted(bounds)),
    )


def _about_missing(name: str, texts: LabelTexts) -> list[Finding]:
    if not texts.missing:
        return []
    rows = counted(len(texts.missing), "row")
    text = f"A word such as NA stands in {rows} of {name!r}, and was read as no label."
    return [Finding("Missing labels", text, texts.missing)]


def _about_unit(name: str, numbers: NDArray[np.float64]) -> list[Finding]:
    unit = stated_unit(name)
    if unit is None:
        return []
    findings = [Finding("Units", f"{name!r} is in {unit} by its name; predictions will be in the same.")]
    present = numbers[~np.isnan(numbers)]
    exponent = molar_exponent(unit)
    if exponent is not None and present.min() > 0:
        decades = float(np.log10(present.max() / present.min()))
        if decades > _DECADES:
            text = (
                f"The concentrations of {name!r} span {decades:.1f} decades, so that the largest rule a fit. "
                f"Take their logarithm first, such as {exponent} - log10(value), the negative one in mol/L."
            )
            findings.append(Finding("Logarithm advised", text))
    return findings
