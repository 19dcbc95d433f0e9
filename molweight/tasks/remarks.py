"""What long work says of itself beside its progress."""


def format_values(values: dict[str, float], digits: int = 3) -> str:
    """Values by objective, short enough for a progress bar.

    >>> format_values({"contrastive": 0.25, "edge_prediction": 0.75}, 2)
    'contrastive 0.25, edge_prediction 0.75'
    """
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())
