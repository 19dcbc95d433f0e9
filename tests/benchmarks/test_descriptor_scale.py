import csv

import numpy as np
import pytest
from rdkit.Chem import Descriptors

from molweight.benchmarks.descriptor_scale import sample_smiles, scale_of, write_scale
from molweight.molecules.descriptors import rdkit_descriptors

NAMES = [name for name, _ in Descriptors.descList]


def test_mean_and_spread_are_of_what_varies_and_has_a_value():
    raw = rdkit_descriptors(["CCO", "CC(=O)O", "CCCCCCCC", "[NH3]->[Fe+2]"])
    found = {name: (mean, std) for name, mean, std in scale_of(raw)}
    weights = raw[:, NAMES.index("MolWt")].astype(np.float64)
    assert found["MolWt"] == pytest.approx((weights.mean(), weights.std()))
    charges = raw[:3, NAMES.index("MaxPartialCharge")].astype(np.float64)  # the last has none
    assert found["MaxPartialCharge"] == pytest.approx((charges.mean(), charges.std()))
    assert not {"Ipc", "AvgIpc", "NumRadicalElectrons"} & found.keys()


def test_the_table_is_of_a_sample_of_the_molecules_in_a_file(tmp_path, capsys):
    corpus, out = tmp_path / "corpus.smi", tmp_path / "scale.csv"
    corpus.write_text("\n".join(["C" * length for length in range(1, 30)] + ["C1CC"]) + "\n")
    assert len(sample_smiles(corpus, 100)) == 29
    assert sample_smiles(corpus, 10) == sample_smiles(corpus, 10)
    write_scale(corpus, out)
    with open(out, newline="") as file:
        rows = {row["descriptor"]: row for row in csv.DictReader(file)}
    assert float(rows["HeavyAtomCount"]["mean"]) == 15
    assert float(rows["HeavyAtomCount"]["std"]) == pytest.approx(np.arange(29).std(), rel=1e-5)
    assert "descriptors" in capsys.readouterr().out
