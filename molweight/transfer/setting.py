"""What all parts of a run share."""

from dataclasses import dataclass, field

from molweight.transfer.data import TransferData
from molweight.transfer.designs import Grid, TransferConfig, make_grid
from molweight.transfer.features import Features, make_features


@dataclass(frozen=True)
class Setting:
    """Molecules and tasks, features of the molecules, sizes of samples, and how networks are trained."""

    data: TransferData
    features: Features
    grid: Grid
    config: TransferConfig = field(default_factory=TransferConfig)


def make_setting(data: TransferData, config: TransferConfig, grid: Grid | None = None) -> Setting:
    """Of a run.

    Args:
        data: molecules and tasks.
        config: settings.
        grid: sizes; those of `make_grid` where left out.

    Raises:
        DataError: if there are too few labels for the sizes.
    """
    return Setting(data, make_features(data.smiles, config.features), grid or make_grid(data, config), config)
