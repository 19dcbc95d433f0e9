import numpy as np
import pytest

from molweight.text.baselines import Tfidf
from molweight.text.data import TextData
from molweight.text.members import FOLDS, cross_fit_texts, text_folds
from molweight.text.metrics import TEXT_METRICS

TEXTS = tuple(f"{word} number {n}" for n in range(20) for word in ("acid", "base", "salt"))


@pytest.fixture(params=["classification", "regression"])
def data(request):
    labels = np.array([n % 3 for n in range(60)], np.float32)
    classes = ("acid", "base", "salt") if request.param == "classification" else ()
    return TextData(TEXTS, None, labels + (0 if classes else 0.5), classes, request.param)


def test_each_text_is_predicted_by_members_that_did_not_learn_from_it(data):
    metric = TEXT_METRICS["accuracy" if data.kind == "classification" else "rmse"]
    seen, told = {}, {}

    def fit(train, valid, number):
        seen[number], told[number] = set(train), set(valid)
        assert not seen[number] & told[number]
        return Tfidf.fit(data, train, valid, metric, number)

    folds = text_folds(data, FOLDS, 0)
    fitted = cross_fit_texts(fit, data, None, folds, 0)
    each = np.stack([member.predict(TEXTS) for member in fitted.members])
    for text, fold in enumerate(folds):
        assert text not in seen[fold] | told[fold]
        assert fitted.out_of_fold[text] == pytest.approx(each[fold, text])
        last = [number for number in told if text in told[number]]
        assert np.isnan(fitted.second[text]).all() == (not last)
        if last:
            assert text not in seen[last[-1]]
            assert fitted.second[text] == pytest.approx(each[last[-1], text])
