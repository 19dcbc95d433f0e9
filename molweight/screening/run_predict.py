"""`molweight predict`: from a model folder and a table to the table with predictions."""

from pathlib import Path

from molweight.encoders.compute import Compute
from molweight.molecules.tables import open_molecules, table_writer
from molweight.reports.progress import announce, progress_bar
from molweight.screening.model_folder import read_model
from molweight.screening.predict import Counts, added_columns, check_columns, check_coverage, predict_table


def run_predict(
    folder: Path,
    molecules: Path,
    out: Path,
    smiles_column: str | None,
    coverage: float,
    overwrite: bool,
    compute: Compute,
) -> Counts:
    """Write every row of a table with its prediction, and tell how many there were.

    Args:
        folder: of the model.
        molecules: table to read, or - for CSV from standard input.
        out: table to write, or - for CSV to standard output.
        smiles_column: found where it is None.
        coverage: of intervals and sets.
        overwrite: replace an earlier file.
        compute: device and precision.

    Raises:
        MolweightError: if something is wrong that the user can mend; nothing is left half-written.
    """
    check_coverage(coverage)
    model = read_model(folder, compute)
    source = open_molecules(molecules, smiles_column)
    if source.guessed:
        announce(source.guessed)
    added = added_columns(model.about)
    check_columns(source, added)
    columns = [*source.columns, *added]
    with (
        table_writer(out, columns, overwrite, source.smiles_column) as writer,
        progress_bar(f"predicting {molecules.name}") as advance,
    ):
        counts = predict_table(model, source, writer, coverage, advance)
    announce(
        f"{out}: {counts.rows} rows, of which {counts.problems} are no molecules and {counts.outside} are "
        "outside the model's domain"
    )
    return counts
