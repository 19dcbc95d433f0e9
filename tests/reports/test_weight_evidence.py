from math import nan

from molweight.reports.weight_evidence import solver_statuses, stopgap_sentences
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
