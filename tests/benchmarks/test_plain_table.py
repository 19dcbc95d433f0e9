from io import StringIO

import pytest
from rich.console import Console

from molweight.benchmarks.plain_table import Code, PlainTable, Strong

SETS = ("bbbp", "bace", "clintox", "sider", "tox21", "esol (RMSE)")
METHODS = ("rf", "tapweight@descriptors=true@fingerprints=true")
WIDE = PlainTable(
    "Validation",
    ("method", *(part for name in SETS for part in (name, f"on {METHODS[1]}"))),
    tuple(
        (
            Code(m),
            *(c for i in range(6) for c in (f"{i}{k}.00 ± 0.014", Strong(f"-{i}.433 (-3.0{k} to -1.7)"))),
        )
        for k, m in enumerate(METHODS)
    ),
    ("A note.",),
)


def shown(table: PlainTable, width: int) -> str:
    output = StringIO()
    table.show(Console(file=output, width=width))
    return output.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_cells_are_whole_in_any_terminal(width):
    text = shown(WIDE, width)
    assert max(map(len, text.splitlines())) <= width
    for row in WIDE.rows:
        for cell in row[1:]:
            assert text.count(cell) == 1
    assert text.count("Validation") == text.count("A note.") == 1
    assert (text.count("┃ method") == 1) == (width == 400)
    assert "rf" in text.partition("bbbp")[2].partition("esol")[2]  # every part says whose its lines are


def test_a_cell_wider_than_the_terminal_is_folded_and_nothing_is_lost():
    text = shown(PlainTable("Errors", ("set", "error"), (("bbbp", "x" * 70),)), 40)
    assert text.count("x") == 70
    assert max(map(len, text.splitlines())) <= 40


def test_a_table_without_lines_is_its_title_and_what_is_said_below():
    assert shown(PlainTable("Ranks", (), (), ("Too few.",)), 80).split() == ["Ranks", "Too", "few."]
