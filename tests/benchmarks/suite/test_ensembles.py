import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from suite_folder import SETS, MadeUp, make_suite

from molweight.benchmarks.suite.ensembles import ensembles_of, mean_of_ensembles
from molweight.benchmarks.suite.parts import tables_of
from molweight.benchmarks.suite.report import write_suite_report
from molweight.benchmarks.suite.results import SetResults, read_asked, read_set

CHIRAL, RANDOM = "chiral-scaffold", "random-scaffold"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    missing = [("bace", "equal", 2)]
    made = MadeUp(methods=("rf", "finetune", "equal", "tapweight"), seeds=3, missing=missing)
    return make_suite(tmp_path_factory.mktemp("suite"), made)


@pytest.fixture(scope="module")
def summary(folder) -> dict:
    write_suite_report(folder, Console(file=StringIO()))
    return json.loads((folder / "summary.json").read_text())


def found_in(folder: Path, name: str, split: str = CHIRAL) -> SetResults:
    found = read_set(folder, read_asked(folder), name, split)
    assert found is not None
    return found


def test_the_mean_output_is_scored_as_scikit_learn_does(folder):
    for name, reference in (("bbbp", roc_auc_score), ("esol", root_mean_squared_error)):
        found = found_in(folder, name)
        scored = ensembles_of(found, name)
        for method in found.outcomes:
            mean = np.mean(list(found.predictions(method).values()), axis=0)
            assert scored.tests[method] == pytest.approx(reference(found.labels[0], mean), abs=1e-6)
            singles = [outcome.test.value for outcome in found.outcomes[method].values()]
            better = scored.tests[method] - np.mean(singles)
            assert (better if name == "bbbp" else -better) > 0  # seeds err independently here


def test_a_gain_is_above_0_where_ours_is_better_and_its_interval_holds_it(folder):
    for name in ("bbbp", "esol"):
        scored = ensembles_of(found_in(folder, name), name)
        gain = scored.gain("tapweight", "finetune")
        low, high = gain["over_molecules"]
        assert 0 < low < gain["mean"] < high
        assert gain["mean"] == -scored.gain("finetune", "tapweight")["mean"]
        assert np.array_equal(scored.drawn_gain("equal", "equal"), np.zeros(2000))


def test_an_ensemble_of_one_and_the_same_model_scores_as_that_model(folder):
    found = found_in(folder, "sider")
    same = {m: dict.fromkeys(reached, reached[0]) for m, reached in found.outcomes.items()}
    scored = ensembles_of(replace(found, outcomes=same), "sider")
    for method, reached in found.outcomes.items():
        assert scored.tests[method] == pytest.approx(reached[0].test.value, abs=1e-6)


def test_seeds_with_other_test_molecules_make_no_ensemble(folder, summary):
    assert ensembles_of(found_in(folder, "bbbp", RANDOM), "bbbp") is None
    assert "ensembles" not in summary["splits"][RANDOM]["sets"]["bbbp"]
    assert summary["splits"][RANDOM]["ensembles"] is None
    assert tables_of(summary, "ensembles", RANDOM) == []


def test_one_seed_makes_no_ensemble(tmp_path):
    folder = make_suite(tmp_path, MadeUp(methods=("rf", "tapweight"), splits=(CHIRAL,), seeds=1))
    assert ensembles_of(found_in(folder, "bbbp"), "bbbp") is None


def test_the_mean_over_sets_is_of_methods_that_are_finished_on_all(folder, summary):
    together = summary["splits"][CHIRAL]["ensembles"]
    entries = [summary["splits"][CHIRAL]["sets"][name]["ensembles"] for name in ("bbbp", "bace", "sider")]
    assert "equal" not in together["test"]  # one seed of BACE is missing
    assert "equal" not in together["gains"]
    for method in ("rf", "finetune", "tapweight"):
        assert together["test"][method] == pytest.approx(
            np.mean([e["test"][method] for e in entries]), rel=1e-4
        )
    gain = together["gains"]["finetune"]["tapweight"]
    each = [e["gains"]["finetune"]["tapweight"]["mean"] for e in entries]
    assert gain["mean"] == pytest.approx(np.mean(each), rel=1e-4)
    widths = [np.ptp(e["gains"]["finetune"]["tapweight"]["over_molecules"]) for e in entries]
    assert np.ptp(gain["over_molecules"]) == pytest.approx(np.sqrt(np.square(widths).sum()) / 3, rel=0.15)


def test_no_mean_where_a_set_has_no_ensemble(folder):
    scored = ensembles_of(found_in(folder, "bbbp"), "bbbp")
    assert mean_of_ensembles([scored, None], ["finetune"]) is None
    assert mean_of_ensembles([], ["finetune"]) is None


def test_tables_of_ensembles(summary):
    classes, values, gains = tables_of(summary, "ensembles", CHIRAL)
    assert classes.headings == ("method", "bbbp", "bace", "sider", "mean of 3")
    assert values.headings == ("method", "esol (RMSE)")
    rows = {row[0]: row[1:] for row in classes.rows}
    assert rows["equal"][1:] == ("unfinished", rows["equal"][2], "unfinished")
    told = summary["splits"][CHIRAL]["sets"]
    assert rows["tapweight"][0] == f"{100 * told['bbbp']['ensembles']['test']['tapweight']:.1f}"
    assert [type(cell).__name__ for cell in rows["tapweight"]] == ["Strong"] * 4
    assert gains.headings == ("set", "on finetune", "on equal", "on rf")
    assert [row[0] for row in gains.rows] == [*SETS, "mean of classification"]
    assert gains.rows[1][2] == gains.rows[-1][2] == "–"
    low, high = told["esol"]["ensembles"]["gains"]["rf"]["tapweight"]["over_molecules"]
    assert gains.rows[3][3].endswith(f"({low:+.3f} to {high:+.3f})")


def test_a_summary_that_knows_no_ensembles_has_no_tables_of_them(summary):
    older = json.loads(json.dumps(summary))
    for told in older["splits"].values():
        told.pop("ensembles")
        for entry in told["sets"].values():
            entry.pop("ensembles", None)
    assert tables_of(older, "ensembles", CHIRAL) == []
