from itertools import pairwise

import numpy as np
import pytest
from adapted import adapt_small

from molweight.reports.markdown import code_block, escaped
from molweight.reports.tables import mean_and_spread
from molweight.screening.card import write_card
from molweight.screening.findings import Finding

pytestmark = pytest.mark.slow
EVIL = "<script>alert(1)</script>\n# head | `x` *b* [l](http://e.x)"


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    return adapt_small(
        tmp_path_factory.mktemp("run"),
        "classification",
        (EVIL, "b"),
        ("no|ne", "<b>yes"),
        "finetune,tapweight",
        seeds=2,
        source="a_b_.csv",
        findings=[Finding("Salts", EVIL)],
    )


@pytest.fixture
def card(adapted, tmp_path):
    (tmp_path / "report.html").touch()
    write_card(adapted, tmp_path / "card.md", "molweight adapt `x`\n```")
    return (tmp_path / "card.md").read_text(encoding="utf-8")


def test_it_has_the_sections_and_the_numbers(adapted, card):
    for heading in ("Intended use", "How it was chosen", "Data", "Metrics", "Applicability domain", "Files"):
        assert f"\n## {heading}\n" in card
    for method, test in adapted.test.items():
        valid = [trial.valid for trial in adapted.trials if trial.method == method]
        name = f"**{method}**" if method == adapted.method else method
        assert f"| {name} | {mean_and_spread(test)} | {mean_and_spread(valid)} | 2 |" in card
    assert f"{float(adapted.model.domain.threshold):.2f} or more" in card
    assert adapted.split.digest in card
    for count in (~np.isnan(adapted.training.data.labels)).sum(0):
        assert f"| {count} |" in card


def test_it_lists_the_files_that_are_there(card):
    assert "| `report.html` |" in card
    assert "rejected.csv" not in card


def test_text_of_the_user_is_never_markup(card):
    assert "<script" not in card.replace(r"\<", "")
    assert escaped(EVIL) in card
    assert "\n# head" not in card
    assert r"no\|ne" in card
    assert r"a\_b\_.csv" in card


def test_every_row_of_a_table_has_the_cells_of_its_heading(card):
    lines = card.splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            bars = [text.replace(r"\|", "").count("|") for text in (above, line)]
            assert bars[0] == bars[1]


def test_a_fence_is_longer_than_any_within():
    assert code_block("a ```` b").startswith("`````\n")
    assert code_block("a") == "```\na\n```"
