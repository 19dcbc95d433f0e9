"""Scikit-learn's own checks of an estimator: as it is, and with numbers turned into molecules before it."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

from molweight import PropertyModel

KINDS = ("classification", "regression")
SUBSTITUENTS = ("C", "N", "O", "S", "F", "Cl", "CC", "C=C")
WITHOUT_NUMBERS = {  # what scikit-learn can ask of an estimator that refuses every number
    "check_estimator_cloneable", "check_estimator_tags_renamed", "check_valid_tag_types",
    "check_estimator_repr", "check_no_attributes_set_in_init", "check_estimators_unfitted",
    "check_do_not_raise_errors_in_init_or_set_params", "check_mixin_order", "check_complex_data",
    "check_estimators_empty_data_messages", "check_estimator_sparse_tag", "check_estimator_sparse_matrix",
    "check_estimators_partial_fit_n_features", "check_supervised_y_no_nan",
    "check_non_transformer_estimators_n_iter", "check_parameters_default_constructible",
    "check_get_params_invariance", "check_set_params", "check_fit1d", "check_requires_y_none",
}  # fmt: skip
OF_CLASSES = {
    "check_classifiers_one_label", "check_classifiers_one_label_sample_weights",
    "check_classifiers_regression_target", "check_decision_proba_consistency",
    "check_classifier_not_supporting_multiclass",
}  # fmt: skip
TOO_FEW = "has too few molecules for train, validation and test parts, and the error says so in its own words"
FAILING = {
    "classification": {
        "check_n_features_in_after_fitting": TOO_FEW,
        "check_estimators_nan_inf": TOO_FEW,
        "check_classifier_data_not_an_array": TOO_FEW,
        "check_fit2d_1feature": TOO_FEW,
    },
    "regression": {"check_fit2d_1sample": TOO_FEW},
}


class NumbersAsMolecules(PropertyModel):
    """Takes rows of numbers for molecules, a substituent for each number."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = False
        for own in (tags.classifier_tags, tags.regressor_tags):
            if own is not None:
                own.poor_score = True  # two epochs of a tiny network
        return tags

    def fit(self, X, y):
        if y is not None:
            X, y = validate_data(self, X, y, multi_output=True, dtype=np.float64)
        super().fit(written(X), y)
        self.n_features_in_ = X.shape[1]
        return self

    def _members(self, X):
        check_is_fitted(self)
        return super()._members(written(validate_data(self, X, reset=False, dtype=np.float64)))


def written(rows):
    kinds = (np.asarray(rows) * 3).astype(int) % len(SUBSTITUENTS)
    return [f"C{''.join(f'C({SUBSTITUENTS[kind]})' for kind in row)}C" for row in kinds]


@pytest.mark.parametrize("kind", KINDS)
def test_checks_that_need_no_numbers(kind, small_checkpoint):
    wanted, passed = WITHOUT_NUMBERS | (OF_CLASSES if kind == "classification" else set()), set()
    for model, check in estimator_checks_generator(small(PropertyModel, kind, small_checkpoint)):
        name = check.func.__name__
        if name in wanted:
            check(model)
            passed.add(name)
    assert passed == wanted


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")  # checks that are skipped, and duck arrays
@pytest.mark.parametrize("kind", KINDS)
def test_all_checks_on_numbers_written_as_molecules(kind, small_checkpoint):
    model = small(NumbersAsMolecules, kind, small_checkpoint)
    results = check_estimator(model, expected_failed_checks=FAILING[kind], on_skip=None)
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(FAILING[kind])
    assert len(passed) > 40


def small(cls, kind, checkpoint):
    return cls(task=kind, methods="finetune", budget="smoke", checkpoint=checkpoint, device="cpu")
