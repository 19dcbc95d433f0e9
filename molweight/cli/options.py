"""Options that several commands share."""

from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Jobs = Annotated[
    int,
    typer.Option(
        help="Processes that fit side by side, of about 1 GB each; -1 for one on each core. Each has its "
        "share of the cores; with other numbers of threads, results differ by rounding, in long runs as by "
        "a seed."
    ),
]
Precision = Annotated[str, typer.Option(help="auto (bfloat16 where it is fast), float32 or bfloat16.")]
Checkpoint = Annotated[
    str, typer.Option(help="molweight_gin, a DGL-LifeSci GIN by name, or a .safetensors or .pth path.")
]
Objectives = Annotated[
    str,
    typer.Option(
        help="Comma-separated; one left out has no share of the weights. There is descriptor_prediction, too."
    ),
]
DEFAULT_OBJECTIVES = "attribute_masking,context_prediction,contrastive,edge_prediction"
