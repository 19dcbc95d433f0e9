"""`molweight bench suite`: the cells of a suite by an engine, each outcome kept as soon as it is there."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from molweight.benchmarks.loading import data_folders, find_data_set, locate
from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite.folder import SuiteFolder
from molweight.benchmarks.suite.plan import Cell, SuiteConfig
from molweight.benchmarks.suite.setting import Prepared, prepare
from molweight.benchmarks.suite.view import SuiteView, Watch, suite_view
from molweight.benchmarks.suite.work import Failure, Results, Terms, Work
from molweight.encoders.checkpoints import load_encoder
from molweight.errors import MolweightError
from molweight.screening.findings import counted

Engine = Callable[[Iterator[Work], Watch], Results]


@dataclass(frozen=True)
class Failed:
    """A cell without an outcome, and why."""

    cell: Cell
    error: str


def run_suite(
    config: SuiteConfig, terms: Terms, kept: SuiteFolder, engine: Engine, about: Mapping[str, str]
) -> list[Failed]:
    """Do the cells that have no outcome yet, and give those that failed.

    Args:
        config: which cells.
        terms: what they share.
        kept: folder of results; nothing is written to it before it is known that work can begin.
        engine: does the work.
        about: what the folder is to say beside what is asked.

    Raises:
        ConfigError: if the folder is of a suite that this one cannot be added to.
        DataError: if the files of a data set cannot be had, or an outcome that is there is damaged.
        CheckpointError: if the checkpoint cannot be had.
    """
    folders = data_folders(terms.data_dir)
    load_encoder(terms.checkpoint, folders)
    cells = config.cells()
    before = {cell: outcome for cell in cells if (outcome := kept.outcome(cell)) is not None}
    left = [cell for cell in cells if cell not in before]
    for name in dict.fromkeys(cell.data_set for cell in left):
        for source in find_data_set(name).files:
            locate(source, folders)
    kept.begin(config, about)
    known: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell, outcome in before.items():
        known[cell.data_set, cell.method].append(outcome.seconds)
    with suite_view(cells, left, known) as view:
        run = _Run(config, terms, kept, view)
        with closing(engine(run.works(left), view.watch)) as results:
            for work, result in results:
                run.keep(work.cell, result)
    return run.failed


@dataclass(frozen=True)
class _Run:
    config: SuiteConfig
    terms: Terms
    kept: SuiteFolder
    view: SuiteView
    failed: list[Failed] = field(default_factory=list)

    def works(self, left: Sequence[Cell]) -> Iterator[Work]:
        """Each cell with its split. A data set is read at its turn, and where that fails, its cells do."""
        groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
        for cell in left:
            groups[cell.data_set, cell.split].append(cell)
        for (name, split), cells in groups.items():
            try:
                prepared = self.prepared(name, split)
            except MolweightError as error:
                for cell in cells:
                    self.keep(cell, Failure(str(error), 0.0))
                continue
            for cell in cells:
                seed, snapshot = cell.seed, self.kept.snapshot(cell)
                data, chosen = prepared.loaded.sha256, prepared.chosen[seed]
                yield Work(cell, prepared.splits[seed], data, self.terms, chosen, snapshot)

    def prepared(self, name: str, split: str) -> Prepared:
        """Read a data set, draw its splits, and write down what they are."""
        prepared = prepare(name, split, self.config.seeds_of(name, split), self.terms)
        pool = self.kept.write_setting(name, split, prepared)["unlabelled"]
        if rejected := len(prepared.loaded.rejected):
            self.view.tell(f"{name}: {counted(rejected, 'row')} set aside as no molecule, in rejected.csv")
        if pool is not None:
            some, all_of_them = max(pool["left_out"]), pool["left_out"][0] + pool["molecules"][0]
            self.view.tell(
                f"{name}, {split}: {some:,} of {all_of_them:,} molecules of {pool['file']} validate or test, "
                "and are not pretrained on"
            )
        return prepared

    def keep(self, cell: Cell, result: Outcome | Failure) -> None:
        """Write down what a cell came to, and show it."""
        if isinstance(result, Failure):
            self.failed.append(Failed(cell, result.error))
            self.kept.keep_failure(cell, result)
            self.view.ended(cell, result.seconds, f"failed: {result.error}")
        else:
            self.kept.keep(cell, result)
            metric = find_data_set(cell.data_set).metric
            self.view.ended(cell, result.seconds, f"valid {metric} {result.valid:.3f}")
