import re

import numpy as np
import pytest
from transfer_runs import GAINS, TASKS, planted_run

from molweight.transfer.advice import advise
from molweight.transfer.figures import clustered, draw_curves, draw_matrix
from molweight.transfer.page import write_transfer_page


@pytest.fixture(scope="module")
def run(molecules):
    return planted_run(molecules)


@pytest.fixture(scope="module")
def advice(run):
    return advise(run)


@pytest.fixture(scope="module")
def text(run, advice, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_transfer_page(run, advice, path, "molweight transfer made.csv")
    return path.read_text(encoding="utf-8")


def test_planted_gains_are_told_and_grouped(advice):
    told = np.where(advice.pairs.named, np.sign(advice.pairs.mean), 0)
    np.testing.assert_array_equal(told, np.sign(np.nan_to_num(GAINS)))
    assert advice.groups == ((0, 1), (2,), (3,))
    np.testing.assert_allclose(advice.expected, [0.1, 0.12, 0, 0], atol=0.01)
    np.testing.assert_array_equal(advice.over_own.tasks.mean[2:], 0)  # a task alone is its own model


def test_negative_transfer_is_named(text):
    assert re.search(r"Samples of noise harm &lt;b&gt;logS&lt;/b&gt;: -0\.0[78]", text)


def test_nothing_of_the_users_is_markup_and_nothing_is_fetched(text):
    assert "<b>logS" not in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)


@pytest.mark.parametrize(
    "heading",
    [
        "Gains of all pairs",
        "Negative transfer",
        "Pairs ranked",
        "Each task with all others",
        "Recommended grouping",
        "Confirmed by networks",
        "Task affinities",
        "Learning curves",
        "Data and command",
    ],
)
def test_every_part_is_there(text, heading):
    assert f"<h2>{heading}</h2>" in text


def test_pairs_without_common_molecules_are_flagged(text):
    assert "1 pair of tasks share fewer than 30%" in text
    assert "pKa and noise" in text


def test_the_best_pair_comes_first(text):
    table = text.split("<h2>Pairs ranked</h2>")[1]
    assert re.findall(r'<td class="word">(.*?)</td>', table)[:2] == ["logP", "&lt;b&gt;logS&lt;/b&gt;"]


def test_tasks_of_like_profiles_stand_side_by_side():
    member = np.array([0, 1, 0, 1, 0, 1])
    gains = np.where(member == member[:, None], 0.2, -0.1)
    order = member[clustered(gains)]
    assert (np.diff(order) != 0).sum() == 1


def test_the_matrix_draws_every_pair(advice):
    axes = draw_matrix(advice.pairs, TASKS, "R²").axes[0]
    written = [t.get_text() for t in axes.texts]
    assert len(written) == 12
    assert sum(t.get_weight() == "bold" for t in axes.texts) == 3


def test_a_task_without_a_curve_is_drawn_as_dots(run):
    from dataclasses import replace

    bare = replace(run, fits_alone=(None,) * 4, fits_context=(None,) * 4)
    axes = draw_curves(bare, [0, 1], "R²").axes[0]
    assert len(axes.containers) == 2
    assert len(draw_curves(run, [0, 1], "R²").axes[0].lines) > len(axes.lines)


def test_the_gain_of_groups_is_said_to_be_of_groups_chosen_without_the_fold(text, advice):
    said = text.split("<h2>Recommended grouping</h2>")[1]
    assert f"which were the groups advised in {advice.alike} of 4 folds" in said
    assert f"{advice.over_own.mean.mean:+.3f} ({advice.over_own.mean.low:+.3f} to" in said


def test_a_random_forest_is_drawn_as_crosses_without_a_curve(run):
    from dataclasses import replace

    beside = draw_curves(replace(run, reference=run.alone - 0.1), [0, 1], "R²").axes[0]
    without = draw_curves(run, [0, 1], "R²").axes[0]
    assert len(beside.containers) == len(without.containers) + 1 == 3
    assert len(beside.collections) == len(without.collections) + 1  # bars of spread; no band
    names = [text.get_text() for text in beside.get_legend().get_texts()]
    assert "random forest alone" in names
    (drawn,) = [line for line in beside.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(drawn.get_ydata(), run.alone[:, :, 0].mean(0) - 0.1)
