"""The best molecules of a library as a page, and as one picture."""

from pathlib import Path

import pandas as pd

from molweight.paths import replacing
from molweight.reports.page import Grid, Section, Structure, write_page
from molweight.reports.structures import draw_grid
from molweight.screening.findings import counted
from molweight.screening.predict import INSIDE, SIMILARITY
from molweight.screening.screen import RANK, ROW, Screened

DRAWN = 100  # molecules at most
_LONGEST = 120  # characters of a cell


def write_screen_page(screened: Screened, path: Path, command: str) -> None:
    """Write what screening found as one HTML file that needs nothing else.

    Args:
        screened: what was found.
        path: HTML file to write; it appears only when it is complete.
        command: that was given.
    """
    table = screened.table.head(DRAWN)
    structures = [
        Structure(str(row[screened.smiles_column]), _captions(screened, row)) for _, row in table.iterrows()
    ]
    shown = "" if len(screened.table) <= DRAWN else f"The first {DRAWN} are shown. "
    told = f"{shown}Rows are counted from 0 below the header, as in the file of all of them."
    sections = [
        Section("Structures", structures=structures),
        Section("Predictions", [told, *_about_columns(screened)], _grid(screened, table)),
        Section("How this was made", code=command),
    ]
    kept = counted(len(screened.table), "molecule")
    write_page(path, f"The best {kept} for {screened.config.task}", _summary(screened), sections)


def write_grid(screened: Screened, path: Path) -> None:
    """Write structures of the best, 100 at most, each with its rank and value, as one SVG file."""
    table = screened.table.head(DRAWN)
    captions = [f"{row[RANK]}.  {_value(screened, row)}" for _, row in table.iterrows()]
    with replacing(path) as temporary:
        drawn = draw_grid(table[screened.smiles_column].astype(str).tolist(), captions)
        temporary.write_text(drawn, encoding="utf-8")


def value_column(screened: Screened) -> str:
    """The column that holds what the molecules were ranked for."""
    task = screened.config.task
    probability = f"probability_{task}"
    return probability if probability in screened.table.columns else f"prediction_{task}"


def _summary(screened: Screened) -> str:
    config = screened.config
    sought = "largest" if config.direction == "max" else "smallest"
    what = "probabilities" if value_column(screened).startswith("probability_") else "values"
    if config.acquisition == "explore":
        by = f"by what they might be: {config.kappa:g} standard deviations of the ensemble count in favour"
    else:
        by = "by the prediction alone"
    scaffolds = " No two of them share a Murcko scaffold." if config.diverse else ""
    outside = int((screened.table[INSIDE] == "no").sum())
    aside = f" {counted(screened.rejected, 'row')} held no molecule." if screened.rejected else ""
    return (
        f"{counted(screened.rows, 'row')} were read for the {sought} {what} of {config.task}, ranked {by}."
        f"{scaffolds}{aside} Of the {len(screened.table):,} kept, {outside:,} lie outside the applicability "
        "domain, where a prediction has little to rest on. The top of a long list is also where errors in "
        "the wanted direction gather: expect the measured values to be less good than predicted."
    )


def _about_columns(screened: Screened) -> list[str]:
    ends = "The set" if value_column(screened).startswith("probability_") else "The interval"
    return [
        f"{ends} is made to hold the truth for {screened.config.coverage:.0%} of molecules like those learnt "
        "from, taken one by one and not chosen as the best; std is the standard deviation over the members "
        "of the ensemble."
    ]


def _captions(screened: Screened, row: "pd.Series[object]") -> list[str]:
    near = f"similarity {row[SIMILARITY]:.2f}" + ("" if row[INSIDE] == "yes" else ", outside the domain")
    return [f"{row[RANK]}. {_value(screened, row)}", f"row {row[ROW]}, {near}"]


def _value(screened: Screened, row: "pd.Series[object]") -> str:
    return f"{row[value_column(screened)]:.4g} ± {row[f'std_{screened.config.task}']:.2g}"


def _grid(screened: Screened, table: pd.DataFrame) -> Grid:
    words = tuple(place for place, name in enumerate(table) if not pd.api.types.is_numeric_dtype(table[name]))
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return Grid([str(name) for name in table.columns], rows, words)


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
