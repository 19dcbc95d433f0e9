"""A plain DeepChem script with molweight's model: `python deepchem_model.py measured.csv`."""

import sys

import deepchem as dc
import pandas as pd

from molweight.deepchem import MolweightFeaturizer, MolweightModel


def main(measured: str, **options: object) -> dict[str, float]:
    """Learn the last column of a file from its column `smiles`, and score a scaffold split's test part."""
    task = pd.read_csv(measured, nrows=0).columns[-1]
    loader = dc.data.CSVLoader([task], feature_field="smiles", featurizer=MolweightFeaturizer())
    train, test = dc.splits.ScaffoldSplitter().train_test_split(
        loader.create_dataset(measured), frac_train=0.8
    )
    transformers = [dc.trans.NormalizationTransformer(transform_y=True, dataset=train)]
    for transformer in transformers:
        train, test = transformer.transform(train), transformer.transform(test)
    model = MolweightModel(n_tasks=1, mode="regression", **options)
    model.fit(train)
    scores = model.evaluate(test, [dc.metrics.Metric(dc.metrics.rms_score)], transformers)
    print(scores)
    return scores


if __name__ == "__main__":
    main(sys.argv[1])
