"""Descriptors as a property head reads them: on a scale of the molecules it learns from."""

import torch
from torch import Tensor, nn

from molweight.molecules.scaled_descriptors import DESCRIPTORS, LIMIT

FLAT = 1e-3  # a column that spreads less has one value, but for the rounding of float16


class TrainScale(nn.Module):
    """From their mean over the train molecules, in units of the square root of their standard deviation.

    Stores carry descriptors in standard deviations over all of drug-like chemistry. On that scale those of
    small molecules hardly differ (QM7's spread a quarter of it in the median, their weight a twenty-fifth),
    and a head takes more steps to tell them apart than it has. In standard deviations of the train molecules
    themselves, as chemprop has extra descriptors, what hardly differs counts as much as what tells molecules
    apart. The unit is the geometric mean of the two. Until it is fitted it leaves descriptors as they are.
    It is kept with the weights.
    """

    mean: Tensor  # [descriptors]
    unit: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(DESCRIPTORS)))
        self.register_buffer("unit", torch.ones(len(DESCRIPTORS)))

    def fit(self, descriptors: Tensor) -> None:
        """Take the scale of molecules; a column without two values stays in the units that it has.

        Args:
            descriptors: of the train molecules, [molecules, descriptors], NaN where there is no value.
        """
        values = descriptors.double()
        mean = values.nanmean(dim=0).nan_to_num()
        std = (values - mean).square().nanmean(dim=0).sqrt().nan_to_num()
        self.mean.copy_(mean)
        self.unit.copy_(std.where(std > FLAT, 1.0).sqrt())

    def forward(self, descriptors: Tensor) -> Tensor:
        """Float32 of the same shape, cut at `LIMIT`, and 0, the mean, where there is no value."""
        scaled = (descriptors.float() - self.mean) / self.unit
        return scaled.clamp(-LIMIT, LIMIT).nan_to_num()
