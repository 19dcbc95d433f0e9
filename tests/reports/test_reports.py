from io import StringIO

import pytest
from matplotlib.image import imread
from rich.console import Console

from molweight.molecules.flat_graphs import Rejected
from molweight.reports.pictures import Curve, draw_growth, draw_losses, draw_scores, draw_weights
from molweight.reports.rejected import write_rejected
from molweight.reports.tables import scores_table, weights_table


def text_of(table, width=120) -> str:
    output = StringIO()
    Console(width=width, file=output).print(table)
    return output.getvalue()


def test_scores_table_gives_mean_spread_and_cost():
    methods = {
        "finetune": {"test": [0.6, 0.8], "valid": [0.9, 0.9], "seconds": [2.0, 2.0]},
        "tapweight": {"test": [0.7, 0.7], "valid": [0.9, 0.9], "seconds": [5.0, 5.0]},
    }
    text = text_of(scores_table("t", "roc_auc", True, methods))
    assert "0.700 ± 0.141" in text
    assert "2.5x" in text
    assert "test ROC-AUC ↑" in text


def test_a_long_name_of_a_variant_is_told_to_its_end():
    name = "finetune@descriptors=true@fingerprints=true"
    methods = {name: {"test": [0.6, 0.8], "valid": [0.9, 0.9], "seconds": [2.0, 2.0]}}
    lines = text_of(scores_table("t", "roc_auc", True, methods), width=80).splitlines()
    told = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert "".join(told) == name


EVIDENCE = {name: {"cosine": [0.1, 0.3, 0.2], "signal_to_noise": [1.0, 2.0, 3.0]} for name in "ab"}


def test_weights_table_counts_seeds_above_an_equal_share():
    text = text_of(weights_table("t", {"a": [0.6, 0.4, 0.7], "b": [0.4, 0.6, 0.3]}, EVIDENCE))
    assert "2 of 3" in text
    assert "0.200 ± 0.100" in text


@pytest.mark.parametrize(
    ("draw", "arguments"),
    [
        (draw_losses, ({"a": [2.0, 1.0], "b": [1.0, 0.5]}, 20)),
        (draw_weights, ({"a": [[0.5, 0.6], [0.5, 0.4]], "b": [[0.5, 0.4], [0.5, 0.6]]}, "title")),
        (draw_growth, ({"size": {"a": Curve({1: 2.0, 10: 1.0}, (10, 10))}}, 1.1)),
        (draw_scores, ({"rf": [0.7, 0.71], "finetune": [0.6]}, "roc_auc", "title")),
    ],
)
def test_pictures_are_drawn_and_not_blank(draw, arguments, tmp_path):
    draw(*arguments, tmp_path / "picture.png")
    pixels = imread(tmp_path / "picture.png")
    assert min(pixels.shape[:2]) > 200
    assert pixels[..., :3].std() > 0.02
    assert [f.name for f in tmp_path.iterdir()] == ["picture.png"]


def test_rejected_rows_are_numbered_within_their_file(tmp_path):
    rejected = [Rejected(1, "C1CC", "not valid SMILES"), Rejected(3, "", "empty")]
    write_rejected(rejected, [("a.smi", 3), ("b.csv", 2)], tmp_path / "rejected.csv")
    lines = (tmp_path / "rejected.csv").read_text().splitlines()
    assert lines == ["file,row,smiles,reason", "a.smi,1,C1CC,not valid SMILES", "b.csv,0,,empty"]
