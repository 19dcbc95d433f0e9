"""The tables of featurising, building and collating: that they come out, never how fast."""

import gzip
from pathlib import Path

import pytest
from printed import shown

from molweight.benchmarks.speed import corpus, featurising, rivals
from molweight.benchmarks.speed.building import building, building_table
from molweight.benchmarks.speed.collating import collating, collating_table
from molweight.benchmarks.speed.corpus import endless, samples, unlabelled
from molweight.benchmarks.speed.featurising import accepted_by_all, featurise, featurise_table
from molweight.benchmarks.speed.setting import Setting, SpeedConfig, make_setting

CONFIG = SpeedConfig(batch=6, rounds=1, warmup=0, molecules=5_000)


@pytest.fixture
def setting(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setenv("MOLWEIGHT_DATA", str(small_data))
    return make_setting(CONFIG)


@pytest.fixture
def with_corpus(setting: Setting, small_data: Path) -> Setting:
    (small_data / "unlabelled").mkdir()
    with gzip.open(small_data / "unlabelled" / "few.smi.gz", "wt") as file:
        file.write("CCO ethanol\nC/C=C/C\n*C\nC[C@H](N)O\n")
    return setting


def test_featurising_by_itself(setting, monkeypatch):
    monkeypatch.setattr(rivals, "find_spec", lambda name: None)
    result = featurise(setting, CONFIG)
    assert list(result["corpora"]["bbbp"]["rows"]) == ["parse alone", "graphs", "store"]
    assert result["left_out"] == ["dgllife", "deepchem"]
    assert "dgllife, deepchem not installed and left out" in shown(featurise_table(result))


def test_featurising_beside_dgllife(with_corpus, monkeypatch):
    pytest.importorskip("dgllife")
    monkeypatch.setattr(rivals, "find_spec", lambda name: name == "dgllife" or None)
    result = featurise(with_corpus, CONFIG)
    assert result["left_out"] == ["deepchem"]
    few = result["corpora"]["unlabelled"]
    assert [few["molecules"], few["of"], few["same_as_dgllife"]] == [3, 4, 3]  # it has no dummy atoms
    assert few["rows"]["parse alone"]["cost"] == {"median": 1, "lower": 1, "upper": 1}


def test_numbers_unlike_dgllifes_are_not_timed(monkeypatch):
    pytest.importorskip("dgllife")
    others = rivals.rivals("dgllife")
    ours = featurising.featurize_smiles
    assert rivals.same_numbers("C/C=C/C", others["dgllife"]("C/C=C/C"))
    assert not rivals.same_numbers("C/C=C/C", others["dgllife"]("CC=CC"))
    assert not rivals.same_numbers("C[C@H](N)O", others["dgllife"]("C[C@@H](N)O"))
    monkeypatch.setattr(rivals, "featurize_smiles", lambda texts: ours(["CC"]))
    with pytest.raises(RuntimeError, match="CCO: not the numbers that DGL-LifeSci gives"):
        accepted_by_all(["CCO"], others)


def test_corpora_are_found_and_go_on_for_ever(with_corpus):
    assert unlabelled() == ["CCO", "C/C=C/C", "*C", "C[C@H](N)O"]
    assert list(endless(["a", "b"], 5)) == ["a", "b", "a", "b", "a"]
    drawn = samples(with_corpus, 3)
    assert {name: len(texts) for name, texts in drawn.items()} == {"bbbp": 3, "unlabelled": 3}
    assert drawn == samples(with_corpus, 3)
    assert drawn["bbbp"] != corpus.sample(with_corpus.data.smiles, 3, 1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory as Linux tells it")
def test_building(with_corpus):
    result = building(with_corpus, CONFIG)
    assert result["large"]["molecules"] == 5_000
    assert result["large"]["peak_mib"] >= result["large"]["before_mib"] > 10
    assert 10 < result["large"]["worker_mib"] < result["large"]["before_mib"]  # it need not import torch
    assert result["large"]["bytes"] < 250
    assert "peak memory of a worker" in shown(building_table(result))


def test_collating(setting):
    result = collating(setting, CONFIG)
    assert list(result["rows"]) == ["32, float32", "32, bfloat16", "256, float32", "256, bfloat16"]
    assert all(row["share"]["median"] > 0 for row in result["rows"].values())
    assert "share of the step" in shown(collating_table(result))
