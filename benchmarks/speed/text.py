"""What learning the weights costs on texts: multiples of one plain step of masked language modelling."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import count
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from rich.table import Table
from torch import Tensor

from molweight.benchmarks.speed.agreement import check_agreement, compare
from molweight.benchmarks.speed.betty_loop import start_betty
from molweight.benchmarks.speed.iteration import BETTY, ENDLESS, loop_config
from molweight.benchmarks.speed.setting import PREPARED, Setting, SpeedConfig
from molweight.benchmarks.speed.timing import ratio, time_in_turn
from molweight.benchmarks.text_loading import load_text_data_set
from molweight.encoders.compute import Compute, choose_compute
from molweight.encoders.transformer import TextEncoder
from molweight.encoders.transformer_checkpoints import load_text_encoder
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.solver import LoopConfig, LoopState, conjugate_gradient, learn_weights
from molweight.solver.draws import mixed_seed, seeded
from molweight.solver.loop import Batches
from molweight.solver.steps import pretrain_step
from molweight.solver.weights import GradientScale
from molweight.text.data import TextData
from molweight.text.methods import PLAIN
from molweight.text.problems import LabelledTexts, TextFinetuneProblem, TextPretrainProblem, labelled_texts
from molweight.text.reweight import copied_encoder, pretrain_problem
from molweight.tokens.sampling import bucketed_batch
from molweight.tokens.store import TextBatch, Vocabulary, collate

DATA_SET, MODEL, MAX_LENGTH = "chemprot", "minilm", 128
UNIT, IDENTITY = "masked language modelling alone", "identity"
CUSTOMARY = f"{BETTY}, texts padded to {MAX_LENGTH}, a pass for each objective"
DROPOUT = 0.1

# what differs from the loop's defaults; `plain` is a loop that never leaves its warm-up
ROWS: dict[str, dict[str, Any]] = {
    "plain": {"warmup": ENDLESS},
    IDENTITY: {},
    "conjugate_gradient, 5 steps, level II": {"level2": conjugate_gradient(5), "curvature": "gauss_newton"},
}


class Apart(TextPretrainProblem):
    """The same objectives, each with a pass of its own through the encoder."""

    def forward(self, batch: TextBatch, seed: int) -> dict[str, Tensor]:
        """Each objective's loss on a batch."""
        losses = {}
        for number, (name, objective) in enumerate(self.objectives.items()):
            own = mixed_seed(seed, number)
            with self.compute.autocast(), seeded(own, batch.ids.device):
                losses[name] = objective(self.encoder, batch, torch.Generator().manual_seed(own))
        return losses


@dataclass(frozen=True)
class TextSpeedSetting:
    """Everything a row starts from.

    Attributes:
        encoder: left as it is.
        data: the texts.
        batches: from the number of an iteration to its batches.
        compute: the processor, and the precision.
        seed: of heads and random choices.
        apart: whether no two objectives share a pass through the encoder.
    """

    encoder: TextEncoder
    data: TextData
    batches: Callable[[int], Batches]
    compute: Compute
    seed: int
    apart: bool = False

    def start(self, config: LoopConfig) -> LoopState:
        """A state of its own for each row; all begin alike."""
        torch.manual_seed(self.seed)
        encoder = copied_encoder(self.encoder, 0.0)
        finetune = TextFinetuneProblem(encoder, self.data.outputs, self.data.kind, self.compute)
        return LoopState.start(self.pretrain(tuple(TEXT_OBJECTIVES)), finetune.train(), config, self.seed)

    def pretrain(self, names: tuple[str, ...]) -> TextPretrainProblem:
        """The pretrain problem of these objectives; its heads are the same each time."""
        torch.manual_seed(self.seed)
        made = pretrain_problem(self.encoder, lambda e: text_objectives(e, names), DROPOUT, self.compute)
        return Apart(made.encoder, made.objectives, made.compute).train() if self.apart else made

    def customary(self) -> "TextSpeedSetting":
        """The same problem as is usual for transformers: all texts of one width, objectives on their own."""
        return replace(self, batches=lambda step: widened(self.batches(step)), apart=True)


def make_text_setting(config: SpeedConfig, model: str = MODEL) -> TextSpeedSetting:
    """Read the texts and the encoder.

    Raises:
        DataError: if the texts cannot be had.
        CheckpointError: if the encoder cannot be had.
    """
    loaded, checkpoint = load_text_data_set(DATA_SET), load_text_encoder(model)
    data = loaded.data.take(loaded.split.train)
    store = checkpoint.tokeniser.tokenise(data.texts, data.pairs, longest(checkpoint.tokeniser.vocabulary))
    labels, everything = torch.from_numpy(data.labels), torch.arange(len(data))

    def make(step: int) -> Batches:
        first, second, third = (
            bucketed_batch(store.lengths, everything, config.texts, step, config.seed + level)
            for level in range(3)
        )
        return Batches(
            collate(store, first), labelled_texts(store, labels, second), labelled_texts(store, labels, third)
        )

    made = [make(step) for step in range(PREPARED)]
    compute = choose_compute("cpu", config.precision)
    return TextSpeedSetting(
        checkpoint.encoder, data, lambda step: made[step % PREPARED], compute, config.seed
    )


def longest(vocabulary: Vocabulary) -> int:
    """Most tokens of a text here."""
    return min(MAX_LENGTH, vocabulary.max_length)


def text_calls(setting: TextSpeedSetting) -> dict[str, Callable[[], object]]:
    """One step of each row, each on a state of its own; betty's where it is installed."""
    calls: dict[str, Callable[[], object]] = {UNIT: _plain_step(setting)}
    for label, changes in ROWS.items():
        config = loop_config(**changes)
        calls[label] = partial(next, learn_weights(setting.start(config), setting.batches, config))
    if find_spec(BETTY):
        config = loop_config()
        for label, each in ((BETTY, setting), (CUSTOMARY, setting.customary())):
            calls[label] = start_betty(each.start(config), each.batches, config).step
    return calls


def widened(batches: Batches) -> Batches:
    """The same texts, padded to the longest there may be."""
    labelled = (batches.finetune, batches.valid)
    finetune, valid = (LabelledTexts(_widened(each.texts), each.labels) for each in labelled)
    return Batches(_widened(batches.pretrain), finetune, valid)


def text(setting: Setting, config: SpeedConfig) -> dict[str, Any]:
    """Time the rows in turn; the molecules of the setting take no part."""
    return text_rows(make_text_setting(config), config)


def text_rows(setting: TextSpeedSetting, config: SpeedConfig) -> dict[str, Any]:
    """The same on a setting at hand; where betty takes part, say how well it agrees with this program."""
    found = compare(setting, loop_config()) if find_spec(BETTY) else None
    if found is not None:
        check_agreement(found)
    seconds = time_in_turn(text_calls(setting), config.rounds, config.warmup)
    rows = {
        label: {"cost": asdict(ratio(took, seconds[UNIT])), "seconds": median(took)}
        for label, took in seconds.items()
    }
    faster = [asdict(ratio(seconds[b], seconds[IDENTITY])) for b in (BETTY, CUSTOMARY)] if found else None
    return {"rows": rows, "agreement": found, "faster": faster, "left_out": [] if found else [BETTY]}


def text_table(result: dict[str, Any]) -> Table:
    """A line for each row."""
    table = Table(title="one step on texts", caption=_caption(result))
    for heading in ("step", "cost", "quartiles", "seconds"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for label, row in result["rows"].items():
        cost = row["cost"]
        quartiles = f"{cost['lower']:.2f} to {cost['upper']:.2f}"
        table.add_row(label, f"{cost['median']:.2f}", quartiles, f"{row['seconds']:.3f}")
    return table


def _plain_step(setting: TextSpeedSetting) -> Callable[[], object]:
    problem, scale, steps = setting.pretrain((PLAIN,)), GradientScale(), count()
    optimiser = torch.optim.Adam(problem.parameters(), 1e-5, fused=True)

    def step() -> object:
        batch = setting.batches(next(steps)).pretrain
        return pretrain_step(problem, optimiser, batch, setting.seed, {PLAIN: 1.0}, scale)

    return step


def _caption(result: dict[str, Any]) -> str:
    unit = f"cost as a multiple of {UNIT}"
    if result["agreement"] is None:
        return f"{unit}; betty is not installed and left out"
    cosine = result["agreement"]["cosine"]
    same, customary = (f"{f['median']:.2f} ({f['lower']:.2f} to {f['upper']:.2f})" for f in result["faster"])
    return (
        f"{unit}; betty takes {same} times as long as {IDENTITY} with the same batches and passes, "
        f"{customary} times with padded texts and a pass for each objective; "
        f"the cosine of its hypergradient with identity's is {cosine:.4f}"
    )


def _widened(batch: TextBatch) -> TextBatch:
    more = (0, longest(batch.vocabulary) - batch.ids.shape[1])
    return replace(
        batch,
        ids=F.pad(batch.ids, more, value=batch.vocabulary.pad),
        real=F.pad(batch.real, more, value=False),
        segments=F.pad(batch.segments, more),
        words=F.pad(batch.words, more, value=-1),
    )
