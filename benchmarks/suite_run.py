"""`molweight bench suite`: the cells of a suite by an engine, each outcome kept as soon as it is there."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from molweight.benchmarks.loading import data_folders, find_data_set, locate
from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite import Cell, SuiteConfig
from molweight.benchmarks.suite_folder import SuiteFolder
from molweight.benchmarks.suite_setting import prepare
from molweight.benchmarks.suite_view import SuiteView, Watch, suite_view
from molweight.benchmarks.work import Failure, Results, Terms, Work
from molweight.encoders.checkpoints import load_encoder
from molweight.errors import MolweightError

Engine = Callable[[Iterator[Work], Watch], Results]


@dataclass(frozen=True)
class Failed:
    """A cell without an outcome, and why."""

    cell: Cell
    error: str


def run_suite(
    config: SuiteConfig, terms: Terms, kept: SuiteFolder, engine: Engine, jobs: int
) -> list[Failed]:
    """Do the cells that have no outcome yet, and give those that failed.

    Args:
        config: which cells.
        terms: what they share.
        kept: folder of results, begun by the caller.
        engine: does the work.
        jobs: cells at once, for the time that is left.

    Raises:
        DataError: if a data set cannot be had, or an outcome that is there is damaged.
        CheckpointError: if the checkpoint cannot be had.
    """
    load_encoder(terms.checkpoint, data_folders(terms.data_dir))
    cells, known = config.cells(), defaultdict(list)
    left = []
    for cell in cells:
        if (before := kept.outcome(cell)) is None:
            left.append(cell)
        else:
            known[cell.data_set, cell.method].append(before.seconds)
    for name in dict.fromkeys(cell.data_set for cell in left):
        for source in find_data_set(name).files:
            locate(source, data_folders(terms.data_dir))
    failed: list[Failed] = []
    with suite_view(cells, left, known, jobs) as view:

        def keep(cell: Cell, result: Outcome | Failure) -> None:
            if isinstance(result, Failure):
                failed.append(Failed(cell, result.error))
            _keep(cell, result, kept, view)

        with closing(engine(_works(config, left, terms, kept, keep), view.watch)) as results:
            for work, result in results:
                keep(work.cell, result)
    return failed


def _works(
    config: SuiteConfig,
    left: Sequence[Cell],
    terms: Terms,
    kept: SuiteFolder,
    keep: Callable[[Cell, Failure], None],
) -> Iterator[Work]:
    """Each cell with its split. A data set is read when its turn comes; where that fails, its cells do."""
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in left:
        groups[cell.data_set, cell.split].append(cell)
    for (name, split), cells in groups.items():
        try:
            prepared = prepare(name, split, config.seeds_of(name, split), terms)
            kept.write_setting(name, split, prepared)
        except MolweightError as error:
            for cell in cells:
                keep(cell, Failure(str(error), 0.0))
            continue
        for cell in cells:
            yield Work(cell, prepared.splits[cell.seed], prepared.loaded.sha256, terms, kept.snapshot(cell))


def _keep(cell: Cell, result: Outcome | Failure, kept: SuiteFolder, view: SuiteView) -> None:
    if isinstance(result, Failure):
        kept.keep_failure(cell, result)
        view.ended(cell, result.seconds, f"failed: {result.error}")
    else:
        kept.keep(cell, result)
        metric = find_data_set(cell.data_set).metric
        view.ended(cell, result.seconds, f"valid {metric} {result.valid:.3f}")
