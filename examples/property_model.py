"""From measured molecules to predictions with intervals: `python property_model.py measured.csv new.csv`."""

import sys

import pandas as pd

from molweight import PropertyModel


def main(measured: str, new: str, **options: object) -> None:
    """Learn the last column of one file from its column `smiles`, and add predictions to the other file."""
    train, test = pd.read_csv(measured), pd.read_csv(new)
    model = PropertyModel(task="regression", coverage=0.9, **options).fit(train["smiles"], train.iloc[:, -1])
    test["predicted"] = model.predict(test["smiles"])
    test["lower"], test["upper"] = model.predict_interval(test["smiles"])
    print(f"{model.report_['method']}, weights {model.objective_weights_}")
    print(test.to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
