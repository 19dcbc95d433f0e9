import sys

import numpy as np
import pytest

from molweight.reports.page import Grid, Picture, Section, render_page
from molweight.reports.pictures import weights_figure
from molweight.reports.prediction_pictures import draw_parity, draw_roc_and_pr
from molweight.reports.structures import draw_grid, draw_molecule


def test_a_molecule_too_large_to_read_is_counted_and_not_drawn():
    assert "1,000 atoms" in draw_molecule("C" * 1000)
    assert "atoms" not in draw_molecule("C" * 100)


@pytest.mark.parametrize("smiles", ["C |$<script>alert(1)</script>$|", "C <b>", "*C |$R<b>$|", "no<b>"])
def test_names_within_a_smiles_are_no_markup(smiles):
    drawn = draw_molecule(smiles)
    assert drawn.startswith("<svg")
    assert "<b" not in drawn
    assert "<script" not in drawn


def test_a_grid_of_structures_is_sound_xml_with_escaped_captions():
    from xml.etree import ElementTree

    root = ElementTree.fromstring(draw_grid(["C", "CC", "CCC"], ["1 <b>", "2 & 3", "4"], columns=2))
    captions = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert captions == ["1 <b>", "2 & 3", "4"]
    assert root.get("height") == str(2 * (180 + 24))


def test_a_marked_row_stands_out_and_words_are_set_to_the_left():
    page = render_page("t", "", [Section("s", grid=Grid(["a", "b"], [["x", "1"], ["y", "2"]], marked=(1,)))])
    assert '<tr><td class="word">x</td><td>1</td></tr>' in page
    assert '<tr class="marked"><td class="word">y</td><td>2</td></tr>' in page


def test_a_picture_is_the_same_bytes_each_time():
    first, second = (
        Picture(weights_figure({"a": [[0.5, 0.6]], "b": [[0.5, 0.4]]}, "t"), "words").uri for _ in range(2)
    )
    assert first == second
    assert first.startswith("data:image/svg+xml;base64,")


def test_pictures_of_many_molecules_stay_small():
    generator = np.random.default_rng(0)
    labels = (generator.random(50_000) < 0.3).astype(float)
    ranked = labels + generator.normal(size=50_000)
    for figure in (draw_roc_and_pr(labels, ranked, "t"), draw_parity(ranked, labels, labels, ranked, "t")):
        assert len(Picture(figure, "words").uri) < 300_000


def test_without_the_libraries_of_drawing_the_box_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit.Chem.Draw", None)
    assert "not drawn: libXrender is missing" in draw_molecule("CCO")
