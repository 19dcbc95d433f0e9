import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from objective_runs import OBJECTIVES, RATES, planted_objectives
from rich.console import Console

from molweight.transfer.curves import Fit
from molweight.transfer.objective_findings import about_weights, answer, find
from molweight.transfer.objective_page import write_objectives_page
from molweight.transfer.objective_record import as_objectives_record, tell_objectives


@pytest.fixture(scope="module")
def run(molecules):
    return planted_objectives(molecules)


@pytest.fixture(scope="module")
def found(run):
    return find(run)


def test_planted_objectives_are_told(found):
    assert [found.verdict(k) for k in range(3)] == ["helps", "unclear", "harms"]
    assert found.order == [0, 1, 2]


def test_gains_are_means_over_sizes_folds_and_pretrainings(run, found):
    change = run.adapted - run.alone[:, :, None, None, None]
    np.testing.assert_allclose(found.gains.mean, change[:, :, -1].mean(axis=(0, 1, 3)))
    np.testing.assert_allclose(found.by_size.mean, change.mean(axis=(0, 1, 4)))
    each = change[:, :, -1].mean(axis=(0, 1))  # [objectives, pretrainings]
    np.testing.assert_allclose(found.noise, np.abs(each[:, 0] - each[:, 1]) / np.sqrt(2))


def test_rates_of_curves_are_those_planted(run):
    rates = [fit.parameters["a_other"] for fit in run.fits]
    for rate, planted in zip(rates, RATES, strict=True):
        assert rate.low <= planted <= rate.high
        assert rate.identified


def test_the_answer_names_who_helps_that_more_would_and_what_is_better(run, found):
    who, more, another = answer(run, found)
    assert re.search(r"what helps: attribute masking \+0\.\d+ .*; what harms: edge prediction -0\.", who)
    assert re.search(
        r"from 200 to 800 molecules, these rise: attribute masking .*; these fall: edge prediction -", more
    )
    assert "as many again would change the score by +0." in more
    assert "attribute masking is better than contrastive" in another
    assert "contrastive is better than edge prediction" in another


def test_nothing_told_is_said_as_such(run):
    same = np.broadcast_to(run.alone[:, :, None, None, None], run.adapted.shape)
    noise = np.random.default_rng(1).normal(0, 0.02, same.shape)
    who, more, another = answer(run, find(replace(run, adapted=same + noise, fits=(None, None, None))))
    assert "none of 3 objectives" in who
    assert "More unlabelled data is not shown to help: from 200 to 800 molecules, no rise is told" in more
    assert "does not tell what more would do" in more
    assert another == "Another objective is not shown to help: no two are told apart."


@pytest.mark.parametrize(("weights", "agreement"), [((0.6, 0.3, 0.1), 1.0), ((0.1, 0.3, 0.6), -1.0)])
def test_weights_are_ranked_against_gains(molecules, weights, agreement):
    run = planted_objectives(molecules, weights)
    found = find(run)
    assert found.agreement == pytest.approx(agreement)
    assert f"is {agreement:+.2f}. 3 points say little: of their 6 orders" in about_weights(run, found)


def test_two_objectives_are_not_ranked(run):
    names = OBJECTIVES[:2]
    study = replace(run.study, config=replace(run.study.config, objectives=names))
    few = replace(run, study=study, adapted=run.adapted[:, :, :, :2], fits=run.fits[:2])
    assert "cannot be ranked" in about_weights(few, find(few))


@pytest.mark.parametrize("kept", ["all", "one objective, size and pretraining, no weights"])
def test_page_and_record_are_whole(run, kept, tmp_path):
    if kept != "all":
        config = replace(run.study.config, objectives=OBJECTIVES[:1], weight_runs=0, pretrainings=1, epochs=1)
        grid = replace(run.study.grid, other=(800,))
        study = replace(run.study, config=config, grid=grid)
        adapted = run.adapted[:, :, -1:, :1, :1]
        run = replace(run, study=study, adapted=adapted, fits=run.fits[:1], learned=())
    found = find(run)
    write_objectives_page(run, found, tmp_path / "report.html", "molweight transfer objectives <x>")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>logS" not in text
    assert "&lt;b&gt;logS" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert ("The weights that the solver learns" in text) == (kept == "all")
    record = as_objectives_record(run, found, "molweight")
    read = json.loads(json.dumps(record))
    assert read["objectives"][0]["verdict"] == "helps"
    assert Fit.from_json(read["objectives"][0]["fit"]).values[3] == pytest.approx(RATES[0], rel=0.2)


def test_scores_of_one_fold_alone_say_nothing_and_are_drawn_without_error(run, tmp_path):
    adapted, alone = run.adapted.copy(), run.alone.copy()
    adapted[1:] = alone[1:] = np.nan
    bare = replace(run, adapted=adapted, alone=alone, fits=(None, None, None))
    found = find(bare)
    assert [found.verdict(k) for k in range(3)] == ["unclear"] * 3
    write_objectives_page(bare, found, tmp_path / "report.html", "molweight")
    assert "no curve" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert np.isnan(found.agreement)


def test_the_terminal_has_a_line_for_each_and_the_answer(run, found):
    console = Console(width=140, record=True, file=StringIO())
    tell_objectives(run, found, console)
    said = console.export_text()
    assert re.search(r"edge prediction .* harms", said)
    assert "The choice of the objective matters: " in said
