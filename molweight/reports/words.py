"""Names of metrics, objectives and settings as they are read."""

READ = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
}


def label(name: str) -> str:
    """A name as it is read in tables and pictures.

    >>> label("roc_auc"), label("attribute_masking")
    ('ROC-AUC', 'attribute masking')
    """
    return READ.get(name, name.replace("_", " "))
