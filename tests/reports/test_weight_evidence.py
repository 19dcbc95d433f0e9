from math import nan, sqrt

import pytest

from molweight.reports.weight_evidence import solver_statuses, stopgap_sentences, weight_evidence
from molweight.solver import StepRecord


def record(statuses: dict[str, str]) -> StepRecord:
    one = {"masking": 0.5}
    return StepRecord(1, one, one, one, one, nan, nan, {}, statuses)


def test_shares_are_of_the_steps_that_had_a_hypergradient():
    histories = [
        [record({}), record({"level1": "", "level2": "converged"})],
        [
            record({"level1": "", "level2": "negative curvature"}),
            record({"level1": "", "level2": "diverged"}),
        ],
        [record({"level1": "", "level2": "converged"})],
    ]
    found = solver_statuses(histories)
    assert found == {
        "level1": {},
        "level2": {"converged": 0.5, "diverged": 0.25, "negative curvature": 0.25},
    }
    told = stopgap_sentences(found)
    assert len(told) == 2
    assert "level2: the solver ended with negative curvature in 25% of the steps" in told[0]


def test_nothing_is_said_of_what_was_solved():
    assert stopgap_sentences(solver_statuses([[record({"level1": "converged", "level2": ""})]])) == []
    assert stopgap_sentences(solver_statuses([[record({})]])) == []


def judged(fold: int, cosine: float) -> StepRecord:
    return StepRecord(
        1, {"masking": 0.5}, {}, {"masking": cosine}, {"masking": -cosine}, nan, nan, {}, {}, fold
    )


def test_the_spread_of_folds_is_the_error_bar_of_a_cosine():
    """Of three folds with means 0.1, 0.2 and 0.3, whose steps are not of one number."""
    history = [judged(0, nan), judged(0, 0.1), judged(1, 0.2), judged(2, 0.2), judged(2, 0.4)]
    found = weight_evidence([history])["masking"]
    assert found["folds_t"] == [pytest.approx(0.2 / (0.1 / sqrt(3)))]
    assert "folds_t" not in weight_evidence([[judged(0, 0.1), judged(0, 0.2)]])["masking"]


def test_nothing_is_said_of_folds_that_were_not_heard():
    (found,) = weight_evidence([[judged(0, 0.1), judged(1, nan)]])["masking"]["folds_t"]
    assert found != found
