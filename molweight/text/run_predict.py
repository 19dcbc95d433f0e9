"""`molweight text predict`: from a model folder and a table to the table with predictions."""

from pathlib import Path

from molweight.encoders.compute import Compute
from molweight.errors import ConfigError
from molweight.molecules.tables import table_writer
from molweight.molecules.tables.lines import kind_of
from molweight.reports.progress import announce, progress_bar
from molweight.screening.predict import check_columns, check_coverage
from molweight.text.model import TextAbout
from molweight.text.model_folder import read_text_model
from molweight.text.predict import TextCounts, added_text_columns, predict_texts_table
from molweight.text.tables import KINDS, TextFile, open_texts


def run_predict_texts(
    folder: Path,
    table: Path,
    out: Path,
    text_column: str | None,
    pair_column: str | None,
    coverage: float,
    overwrite: bool,
    compute: Compute,
) -> TextCounts:
    """Write every row of a table with its prediction, and tell how many there were.

    Args:
        folder: of the model.
        table: to read, or - for CSV from standard input.
        out: table to write, or - for CSV to standard output.
        text_column: the model's where it is None and the table has it, else found.
        pair_column: the model's where it is None.
        coverage: of intervals and sets.
        overwrite: replace an earlier file.
        compute: device and precision.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
    """
    check_coverage(coverage)
    if kind_of(out) not in KINDS:
        raise ConfigError(
            f"{out}: unknown kind of file; {', '.join(KINDS)} are written: name it as one of these"
        )
    model = read_text_model(folder, compute)
    source = _open(model.about, table, text_column, pair_column)
    if source.guessed:
        announce(source.guessed)
    added = added_text_columns(model.about)
    check_columns(source, added)
    with (
        table_writer(out, [*source.columns, *added], overwrite) as writer,
        progress_bar(f"predicting {table.name}") as advance,
    ):
        counts = predict_texts_table(model, source, writer, coverage, advance)
    announce(
        f"{out}: {counts.rows} rows, of which {counts.problems} could not be predicted and of "
        f"{counts.truncated} only the first {model.about.max_length} tokens were read"
    )
    return counts


def _open(about: TextAbout, table: Path, text_column: str | None, pair_column: str | None) -> TextFile:
    if about.pair_column is None and pair_column is not None:
        raise ConfigError(f"--pair-column {pair_column}: the model is one of single texts; leave it out")
    pair = pair_column or about.pair_column
    return open_texts(table, text_column, pair, (about.target,), about.text_column)
