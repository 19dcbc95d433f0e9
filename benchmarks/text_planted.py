"""`molweight text bench --plant`: weights learned beside planted objectives on texts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molweight.benchmarks.planted_report import LEAK, NOISE, PlantedRuns
from molweight.benchmarks.planting import Planted, divide
from molweight.benchmarks.text_bench import TextBenchConfig, TextSetting, prepare
from molweight.encoders.compute import Compute, at_least_float32
from molweight.encoders.transformer import TextEncoder, TokenEncoder, mean_pool
from molweight.objectives import TEXT_OBJECTIVES, text_objectives
from molweight.reports.progress import announce, progress_bar
from molweight.tasks.data import TaskKind, as_tensor
from molweight.tasks.remarks import format_values
from molweight.text.budgets import find_text_budget
from molweight.text.data import TextData
from molweight.text.finetune import scaled_labels, text_scaler
from molweight.text.problems import start_head, text_loss
from molweight.text.reweight import reweight_text
from molweight.tokens.store import TextBatch, TokenStore, collate

STEPS = 60  # at most: what is planted shows early


class SupervisedTexts(nn.Module):
    """An objective that predicts the labels of its own texts, whatever batch it is given.

    Args:
        encoder: gives the width of the head.
        store: of all texts.
        texts: positions of its own in the store.
        labels: of its own, [texts], NaN where missing.
        outputs: numbers predicted for a text.
        kind: of the labels.
        batch_size: texts drawn for each loss.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        store: TokenStore,
        texts: Tensor,
        labels: Tensor,
        outputs: int,
        kind: TaskKind,
        batch_size: int,
    ) -> None:
        super().__init__()
        self.store, self.texts, self.labels = store, texts, labels
        self.kind, self.batch_size = kind, batch_size
        self.head = nn.Linear(encoder.width, outputs)
        start_head(self.head, labels, kind)  # as the head of the task

    def forward(self, encoder: TokenEncoder, batch: TextBatch, generator: torch.Generator) -> Tensor:
        """Mean loss over the labels present of the texts drawn, a scalar."""
        drawn = torch.randperm(len(self.texts), generator=generator)[: self.batch_size]
        drawn = drawn.to(self.texts.device)
        own = collate(self.store, self.texts[drawn])
        outputs = at_least_float32(self.head(mean_pool(encoder(own), own)))
        return text_loss(outputs, self.labels[drawn], self.kind)


def plant_texts(
    data: TextData,
    store: TokenStore,
    texts: NDArray[np.int64],
    batch_size: int,
    compute: Compute,
    seed: int,
    beside: Sequence[str] = tuple(TEXT_OBJECTIVES),
) -> Planted:
    """Divide texts as `divide` does, and plant two objectives on those held back.

    One predicts their labels, the other the same labels shuffled among them.

    Args:
        data: labels of other texts are not read.
        store: of the same texts.
        texts: to divide.
        batch_size: texts to a loss of a planted objective.
        compute: device.
        seed: of the division and the shuffle.
        beside: names of the objectives that are not planted.
    """
    generator = np.random.default_rng(seed)
    train, valid, held = divide(texts, generator)
    labels = scaled_labels(data, text_scaler(data, train), compute)[as_tensor(held, compute.device)]
    shuffled = labels[as_tensor(generator.permutation(len(held)), compute.device)]
    tokens, own = store.to(compute.device), as_tensor(held, compute.device)

    def objectives(encoder: TextEncoder) -> nn.ModuleDict:
        found = text_objectives(encoder, beside)
        for name, truth in {LEAK: labels, NOISE: shuffled}.items():
            found[name] = SupervisedTexts(encoder, tokens, own, truth, data.outputs, data.kind, batch_size)
        return found

    return Planted(train, valid, held, objectives)


def run_text_planted(name: str, config: TextBenchConfig) -> PlantedRuns:
    """Learn weights beside planted objectives with every seed, from the texts outside the test part.

    Args:
        name: data set.
        config: of the benchmark; its methods are not run.

    Raises:
        ConfigError: if an option cannot work.
        DataError: if the data cannot be had.
        CheckpointError: if the checkpoint cannot be had.
    """
    setting = prepare(name, config)
    settings = find_text_budget(config.budget).reweight
    steps = min(settings.loop.steps, STEPS)
    settings = replace(settings, loop=replace(settings.loop, steps=steps))
    histories, sizes = [], {}
    for seed in range(config.seeds):
        blind, planted = _planted(setting, config, settings.pretrain_batch, seed)
        sizes = planted.sizes
        with progress_bar(f"{name}: planted, seed {seed}") as advance:
            found = reweight_text(
                setting.checkpoint.encoder,
                blind,
                setting.store,
                planted.train,
                planted.valid,
                settings,
                config.compute,
                seed,
                planted.objectives,
                lambda r: advance(r.step, steps, f"weights {format_values(r.weights, 2)}"),
            )
        announce(f"{name}: planted, seed {seed}: {format_values(found.weights, 2)}")
        histories.append(found.history)
    return PlantedRuns(name, sizes, settings, histories)


def _planted(
    setting: TextSetting, config: TextBenchConfig, batch_size: int, seed: int
) -> tuple[TextData, Planted]:
    split = setting.splits[seed]
    blind, texts = setting.loaded.data.hide_labels(split.test), np.concatenate([split.train, split.valid])
    return blind, plant_texts(
        blind, setting.store, texts, batch_size, config.compute, seed, config.objectives
    )
