from xml.etree import ElementTree

import pandas as pd
import pytest
from adapted import adapt_small
from browser import complaints, take_screenshot

from molweight.molecules.tables import open_molecules
from molweight.screening.screen import ScreenConfig, Screened, screen
from molweight.screening.screen_page import DRAWN, write_grid, write_screen_page

EVIL = '<script>alert(1)</script> "q" 溶 ' + "n" * 300
TEXT = "{http://www.w3.org/2000/svg}text"


def screened(rows=3, task="logS", kind="prediction", inside="yes", **config):
    numbers = list(range(rows))
    table = pd.DataFrame(
        {
            "rank": [n + 1 for n in numbers],
            "row": [7 * n for n in numbers],
            "score": [9.0 - n for n in numbers],
            "SMILES": ["C" * (1 + n % 20) for n in numbers],
            "name": [EVIL] * rows,
            f"{kind}_{task}": [9.0 - n for n in numbers],
            f"std_{task}": [0.25] * rows,
            "nearest_smiles": ["CCO"] * rows,
            "similarity": [0.5] * rows,
            "in_domain": [inside] * rows,
        }
    )
    return Screened(table, 1000, 2, "SMILES", ScreenConfig(rows, task, **config))


def page_of(found, folder):
    write_screen_page(found, folder / "screen.html", "molweight screen <b>")
    return (folder / "screen.html").read_text(encoding="utf-8")


def test_the_page_gives_rank_value_and_place_of_each(tmp_path):
    page = page_of(screened(), tmp_path)
    assert page.count("<figure>") == 3
    assert "2. 8 ± 0.25<br>row 7, similarity 0.50" in page
    assert "1,000 rows were read for the largest values of logS" in page
    assert "2 rows held no molecule" in page
    assert "Of the 3 kept, 0 lie outside" in page


def test_the_page_says_how_they_were_ranked(tmp_path):
    found = screened(kind="probability", direction="min", acquisition="explore", kappa=2.0, inside="no")
    page = page_of(found, tmp_path)
    assert "smallest probabilities of logS" in page
    assert "2 standard deviations of the ensemble" in page
    assert "Of the 3 kept, 3 lie outside" in page
    assert "outside the domain" in page


def test_text_of_the_library_is_never_markup(tmp_path):
    page = page_of(screened(task=EVIL), tmp_path)
    assert "<script" not in page
    assert "molweight screen &lt;b&gt;" in page


def test_of_many_a_hundred_are_shown_and_that_is_said(tmp_path):
    page = page_of(screened(rows=DRAWN + 5), tmp_path)
    assert page.count("<figure>") == DRAWN
    assert "The first 100 are shown" in page
    assert len(page) < 3_000_000


def test_the_picture_has_a_structure_and_a_caption_for_each(tmp_path):
    write_grid(screened(rows=DRAWN + 5), tmp_path / "grid.svg")
    captions = [each.text for each in ElementTree.parse(tmp_path / "grid.svg").iter(TEXT)]
    assert len(captions) == DRAWN
    assert captions[1] == "2.  8 ± 0.25"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_what_a_real_model_finds_is_shown_without_complaint(kind, tmp_path):
    model = adapt_small(tmp_path, kind, methods="finetune", seeds=1).model
    (tmp_path / "library.csv").write_text("smiles,name\nCCO,a\nc1ccccc1,b\nC1CC,c\nCCCCN,<b>d\n")
    library = open_molecules(tmp_path / "library.csv")
    found = screen(model, library, ScreenConfig(3, "logS"))
    page = page_of(found, tmp_path)
    for rank, (_, row) in enumerate(found.table.iterrows(), 1):
        value = row[("prediction_" if kind == "regression" else "probability_") + "logS"]
        assert f"{rank}. {value:.4g} ± {row['std_logS']:.2g}" in page
    pixels, log = take_screenshot(tmp_path / "screen.html", 1200)
    assert pixels[..., :3].std() > 0.03
    assert complaints(log) == []
