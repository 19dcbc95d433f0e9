"""Members of an ensemble on texts, each fitted without one of the folds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molweight.screening.members import FOLDS, draw_folds
from molweight.text.baselines import Tfidf
from molweight.text.data import TextData
from molweight.text.finetune import TextFinetuned
from molweight.tokens.store import TokenStore

Indices = NDArray[np.int64]
TextMember = TextFinetuned | Tfidf
FitMember = Callable[[Indices, Indices, int], TextMember]  # train, valid, number of the member


@dataclass(frozen=True)
class TextCrossFitted:
    """An ensemble, and what each text got from the member that never saw it.

    Attributes:
        members: one for each fold.
        folds: int64 [texts], the fold of each.
        out_of_fold: float32 [texts, outputs], logits or values.
        second: the same by another member, to which the text said only when to stop or how strongly to
            regularise; NaN where there is none.
    """

    members: tuple[TextMember, ...]
    folds: Indices
    out_of_fold: NDArray[np.float32]
    second: NDArray[np.float32]


def member_outputs(
    member: TextMember, texts: Sequence[str], pairs: Sequence[str] | None, store: TokenStore | None
) -> NDArray[np.float32]:
    """Logits, or values in the units of the labels: float32 [texts, outputs].

    Args:
        member: what predicts.
        texts: to predict.
        pairs: their partners, or None.
        store: the same as tokens; a member of words alone needs none.
    """
    if isinstance(member, Tfidf):
        return member.predict(texts, pairs)
    if store is None:
        raise ValueError("a network needs the texts as tokens")
    return member.predict(store, np.arange(len(store)))


def cross_fit_texts(
    fit: FitMember, data: TextData, store: TokenStore, folds: Indices, seed: int
) -> TextCrossFitted:
    """Fit a member for each fold on the others, and predict the fold with it.

    A part of the others is held out in turn to choose when to stop; the fold itself has no part in it.

    Args:
        fit: from train texts, validation texts and a member's number to the member.
        data: all labelled texts.
        store: the same as tokens.
        folds: of each.
        seed: of the parts held out.
    """
    members, out_of_fold = [], np.full((len(data), data.outputs), np.nan, np.float32)
    second = out_of_fold.copy()
    for fold in range(int(folds.max()) + 1):
        rest, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        held = text_folds(data.take(rest), 2 * FOLDS - 2, seed + 1 + fold) == 0
        member = fit(rest[~held], rest[held], fold)
        members.append(member)
        out_of_fold[own] = _outputs_at(member, data, store, own)
        second[rest[held]] = _outputs_at(member, data, store, rest[held])
    return TextCrossFitted(tuple(members), folds, out_of_fold, second)


def text_folds(data: TextData, count: int, seed: int) -> Indices:
    """A random fold for each text, with an equal share of every class."""
    return draw_folds(data.labels[:, None], data.kind, count, seed)


def _outputs_at(member: TextMember, data: TextData, store: TokenStore, texts: Indices) -> NDArray[np.float32]:
    if isinstance(member, Tfidf):
        taken = data.take(texts)
        return member.predict(taken.texts, taken.pairs)
    return member.predict(store, texts)
