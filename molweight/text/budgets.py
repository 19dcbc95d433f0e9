"""How much computing each method on texts may spend; the same for all of them.

The rule: every method that pretrains takes the same number of steps on batches of the same size, at the same
learning rates, and every one fine-tunes alike. What a step costs differs with its objectives; the report has
the seconds.
"""

from dataclasses import dataclass

from molweight.errors import ConfigError
from molweight.solver import LoopConfig
from molweight.text.finetune import TextFinetuneConfig
from molweight.text.pretrain import TextPretrainConfig
from molweight.text.reweight import TextReweightConfig


def _loop(steps: int, warmup: int = 5) -> LoopConfig:
    """Rates of all three levels.

    5e-5 is customary for the encoder and its copy. Heads start from nothing and have few steps: 1e-3. That
    is ten times what molecules take, and with the proximal term of 1 it still tells a leak from noise: with
    1,000 texts of SST-2, MiniLM, and two planted objectives beside masked language modelling, the leak ended
    at 0.97 and the noise at 0.02 of the weights after 40 steps.
    """
    return LoopConfig(steps=steps, warmup=warmup, pretrain_lr=5e-5, finetune_lr=5e-5, head_lr=1e-3)


@dataclass(frozen=True)
class TextBudget:
    """Settings of fine-tuning, and of continued pretraining with learned or with fixed weights."""

    finetune: TextFinetuneConfig
    reweight: TextReweightConfig

    def continued_pretraining(self, seed: int) -> TextPretrainConfig:
        """The pretrain problem alone, in the steps, batches and learning rates of the three-level loop."""
        loop = self.reweight.loop
        return TextPretrainConfig(
            loop.steps, self.reweight.pretrain_batch, loop.pretrain_lr, loop.head_lr, seed
        )


TEXT_BUDGETS: dict[str, TextBudget] = {
    "smoke": TextBudget(
        TextFinetuneConfig(epochs=1, patience=1, batch_size=8),
        TextReweightConfig(_loop(4, warmup=2), pretrain_batch=8, finetune_batch=8, valid_batch=8),
    ),
    # for two cores without fast bfloat16, where a step of a small BERT on 16 texts takes about a second
    "quick": TextBudget(
        TextFinetuneConfig(epochs=8, patience=3),
        TextReweightConfig(_loop(60)),
    ),
    "standard": TextBudget(
        TextFinetuneConfig(epochs=10, patience=4, batch_size=32),
        TextReweightConfig(_loop(500), pretrain_batch=32, finetune_batch=32, valid_batch=64),
    ),
    "full": TextBudget(
        TextFinetuneConfig(epochs=20, patience=20, batch_size=32),
        TextReweightConfig(_loop(3_000), pretrain_batch=64, finetune_batch=32, valid_batch=128),
    ),
}


def find_text_budget(name: str) -> TextBudget:
    """The budget of that name.

    Raises:
        ConfigError: if there is none.
    """
    if name not in TEXT_BUDGETS:
        raise ConfigError(f"unknown budget {name!r}; there are {', '.join(TEXT_BUDGETS)}")
    return TEXT_BUDGETS[name]
