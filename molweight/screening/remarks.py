"""What is told of molecules and labels that are used as they are."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from molweight.screening.facts import Facts, grouped, shared_compounds
from molweight.screening.findings import Finding, counted

_FEW = 50  # molecules
_FEW_OF_A_CLASS, _SMALL_SHARE = 20, 0.1

Labels = NDArray[np.float32]


def about_unusable(found: Sequence[Facts | str], gone: set[int]) -> list[Finding]:
    """Rows that are no molecules, and molecules without a label."""
    wrong = tuple(row for row, facts in enumerate(found) if isinstance(facts, str))
    unlabelled = tuple(sorted(gone - set(wrong)))
    findings = []
    if wrong:
        text = f"{counted(len(wrong), 'row')} could not be read as molecules and were set aside."
        findings.append(Finding("No molecules", text, wrong))
    if unlabelled:
        text = f"{counted(len(unlabelled), 'row')} had no label and were set aside."
        findings.append(Finding("No labels", text, unlabelled))
    return findings


def about_fragments(usable: Mapping[int, Facts], largest_fragment: bool) -> list[Finding]:
    """Rows of more than one molecule or ion."""
    rows = tuple(row for row, facts in usable.items() if facts.fragments > 1)
    if not rows:
        return []
    done = (
        "only the fragment of the most heavy atoms was kept of each"
        if largest_fragment
        else "they were kept whole; give --largest-fragment to keep only the largest fragment of each"
    )
    return [Finding("Salts and mixtures", f"{counted(len(rows), 'row')} of several fragments: {done}.", rows)]


def about_forms(kept: Sequence[Facts], rows: Sequence[int]) -> list[Finding]:
    """Molecules that are one compound to InChI."""
    groups = list(shared_compounds(kept).values())
    if not groups:
        return []
    text = (
        f"{counted(len(groups), 'compound')} written in more than one tautomer or state of charge (the same "
        "InChIKey but for protonation); all were kept, as separate molecules."
    )
    return [Finding("Forms of one compound", text, tuple(sorted(rows[p] for group in groups for p in group)))]


def about_stereo(kept: Sequence[Facts], rows: Sequence[int], labels: Labels) -> list[Finding]:
    """Configurations that are not stated, and those that alone make the difference."""
    findings = []
    if unstated := tuple(row for row, facts in zip(rows, kept, strict=True) if facts.open_centres):
        text = (
            f"{counted(len(unstated), 'molecule')} with stereo centres or double bonds of no stated "
            "configuration; they may be mixtures of isomers."
        )
        findings.append(Finding("Open stereochemistry", text, unstated))
    groups = [g for g in grouped(f.flat for f in kept).values() if len(g) > 1 and _differ(labels[g])]
    if groups:
        text = (
            f"{counted(len(groups), 'group')} of molecules that differ in stereochemistry alone, yet have "
            "different labels; all were kept. See that the configurations are right, as the model must "
            "tell them apart."
        )
        findings.append(
            Finding(
                "Stereoisomers of different labels", text, tuple(sorted(rows[p] for g in groups for p in g))
            )
        )
    return findings


def _differ(labels: Labels) -> bool:
    return any(len(np.unique(column[~np.isnan(column)])) > 1 for column in labels.T)


def about_balance(labels: Labels, tasks: Sequence[str]) -> list[Finding]:
    """Classes of few molecules."""
    findings = []
    for task, column in zip(tasks, labels.T, strict=True):
        present = column[~np.isnan(column)]
        ones = int(present.sum())
        fewer, which = min((ones, "positive"), (len(present) - ones, "negative"))
        rare = fewer < _SMALL_SHARE * len(present)
        if rare or fewer < _FEW_OF_A_CLASS:
            so = "Accuracy says little then; look at ROC-AUC." if rare else "Scores on so few are rough."
            text = (
                f"The {which} class of {task!r} has {counted(fewer, 'molecule')} of {len(present):,} "
                f"({fewer / len(present):.1%}). {so}"
            )
            findings.append(Finding("Class imbalance", text))
    return findings


def about_size(molecules: int) -> list[Finding]:
    """What cannot be concluded from few molecules."""
    if molecules >= _FEW:
        return []
    text = (
        f"{molecules} molecules leave {max(1, molecules // 10)} or so to validate and to test on. "
        "Scores of so few say little, and it cannot be concluded whether one model or one set of "
        "objective weights is better."
    )
    return [Finding("Few molecules", text)]
