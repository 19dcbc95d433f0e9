import gzip
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from molweight.benchmarks.outcomes import Outcome
from molweight.benchmarks.suite.folder import SuiteFolder
from molweight.benchmarks.suite.plan import (
    Cell,
    Named,
    SuiteConfig,
    plan_suite,
    suite_json,
    suite_of,
    widened,
)
from molweight.benchmarks.suite.run import run_suite
from molweight.benchmarks.suite.setting import prepare
from molweight.benchmarks.suite.view import time_left, told_time
from molweight.benchmarks.suite.work import Failure, Terms, Work, do_work
from molweight.encoders.compute import choose_compute
from molweight.errors import ConfigError, DataError
from molweight.molecules.splits import scaffold_split

ABOUT = {"compute": "cpu float32", "command": "molweight bench suite"}
BOTH = ("bbbp", "freesolv")
RF = Named(data_sets=BOTH[::-1], methods=("rf",), seeds=1, rest={"budget": "smoke"})


def terms(data_dir, unlabelled=None) -> Terms:
    compute = choose_compute("cpu", "float32")
    return Terms("smoke", ("attribute_masking",), "molweight_gin", data_dir, compute, unlabelled)


def work_on(name: str, method: str, shared: Terms, split: str = "scaffold") -> Work:
    prepared = prepare(name, split, 1, shared)
    cell = Cell(name, split, method, 0)
    return Work(cell, prepared.splits[0], prepared.loaded.sha256, shared, prepared.chosen[0])


def in_this_process(works, watch):
    """The simplest engine."""
    for work in works:
        watch.started(work.cell)
        yield work, do_work(work)


@pytest.fixture(autouse=True)
def small_forests_and_threads_as_they_were(monkeypatch):
    """Doing work in this process sets the number of threads."""
    monkeypatch.setattr("molweight.tasks.baselines.TREES", 20)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_presets_are_done_cheap_and_central_first():
    quick, paper, full = (plan_suite(Named(preset=name)) for name in ("quick", "paper", "full"))
    assert quick == plan_suite(Named())
    assert next(c.data_set for c in paper.cells()) == "bbbp"
    assert paper.data_sets[-2:] == ("hiv", "muv")
    assert paper.budget == "standard"
    assert (paper.seeds_of("bbbp", "chiral-scaffold"), paper.seeds_of("muv", "chiral-scaffold")) == (5, 3)
    assert (full.seeds_of("bbbp", "chiral-scaffold"), full.seeds_of("muv", "chiral-scaffold")) == (10, 5)
    assert full.seeds_of("bbbp", "random-scaffold") == 3
    cells = plan_suite(RF).cells()
    assert list(map(str, cells)) == [
        "freesolv, chiral-scaffold: rf, seed 0",
        "bbbp, chiral-scaffold: rf, seed 0",
    ]


def test_what_is_named_is_taken_and_the_rest_is_the_presets():
    config = plan_suite(
        Named("paper", ("sider",), ("rf",), ("random-scaffold",), 7, {"precision": "float32"})
    )
    assert config.seeds_of("sider", "random-scaffold") == 7
    assert (config.budget, config.precision, config.device) == ("standard", "float32", "auto")
    assert plan_suite(Named(data_sets=("hiv",))).seeds == {"hiv": 3}


def test_a_suite_comes_back_from_json_and_grows():
    begun = plan_suite(RF)
    assert suite_of({**suite_json(begun), "compute": "cpu"}, "x") == begun
    assert plan_suite(Named(), begun) == begun
    more = plan_suite(Named(data_sets=("esol",), methods=("finetune",), seeds=4), begun)
    assert more.cells() == [Cell("esol", "chiral-scaffold", "finetune", seed) for seed in range(4)]
    both = widened(begun, more)
    assert both.data_sets == ("freesolv", "bbbp", "esol")
    assert both.methods == ("rf", "finetune")
    assert both.seeds == {"freesolv": 1, "bbbp": 1, "esol": 4}
    with pytest.raises(ConfigError, match="begun with another budget"):
        widened(begun, plan_suite(Named(rest={"budget": "full"}), begun))
    with pytest.raises(DataError, match="not of a suite of this version"):
        suite_of({"preset": "quick"}, "suite.json")


def test_more_seeds_of_the_headline_ask_for_no_more_drawn_splits():
    begun = plan_suite(Named(data_sets=("bbbp",), splits=("chiral-scaffold", "random-scaffold"), seeds=3))
    more = widened(begun, plan_suite(Named(splits=("chiral-scaffold",), seeds=5), begun))
    assert more.seeds_of("bbbp", "chiral-scaffold") == 5
    assert more.seeds_of("bbbp", "random-scaffold") == 3
    both = widened(begun, plan_suite(Named(seeds=5), begun))
    assert both.seeds_of("bbbp", "random-scaffold") == 5


def test_time_left_is_by_set_and_method_then_by_method_then_by_all():
    seconds = {("esol", "rf"): [1.0], ("bbbp", "rf"): [3.0], ("bbbp", "equal"): [30.0]}
    for cell, wanted in ((("esol", "rf"), 1), (("bace", "rf"), 2), (("bace", "scratch"), 34 / 3)):
        left = [Cell(cell[0], "random", cell[1], 0)]
        assert time_left(left, seconds, 1) == pytest.approx(wanted)
        assert time_left(left * 4, seconds, 2) == pytest.approx(2 * wanted)
    assert time_left(left, {}, 1) is None
    assert [told_time(s) for s in (None, 59, 300, 1e6)] == [
        "", "about 59 s left", "about 5.0 min left", "about 11.6 days left",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["rf", "finetune"])
def test_corrupted_test_labels_change_nothing_but_the_test_score(method, small_data, tmp_path):
    honest = do_work(work_on("bbbp", method, terms(small_data)))
    other = tmp_path / "other"
    shutil.copytree(small_data, other)
    path = other / "moleculenet" / "bbbp.csv.gz"
    table = pd.read_csv(path)
    test = scaffold_split(table["smiles"].tolist()).test
    table.loc[test, "p_np"] = 1 - table.loc[test, "p_np"]
    table.to_csv(path, index=False)
    corrupted = do_work(work_on("bbbp", method, terms(other)))
    assert isinstance(honest, Outcome)
    assert np.array_equal(honest.predictions, corrupted.predictions)
    assert honest.valid == corrupted.valid
    assert honest.test.value == pytest.approx(1 - corrupted.test.value)


def test_nothing_that_judges_is_pretrained_on(small_data, tmp_path):
    """However its SMILES is written."""
    from rdkit import Chem

    table = pd.read_csv(small_data / "moleculenet" / "freesolv.csv.gz")
    smiles = table["smiles"].tolist()
    split = scaffold_split(smiles)
    turned = [Chem.MolToSmiles(Chem.MolFromSmiles(s), canonical=False, rootedAtAtom=0) for s in smiles]
    pool = tmp_path / "pool.smi.gz"
    pool.write_bytes(gzip.compress("\n".join([*turned, "C1CC", "CCCCCCCCCCCCCCC"]).encode()))
    shared = terms(small_data, pool)
    prepared = prepare("freesolv", "scaffold", 2, shared)
    apart = {smiles[i] for i in split.train}
    taken = [prepared.pool.smiles[i] for i in prepared.chosen[0].molecules]
    assert len(taken) == len(apart) + 1
    judging = {Chem.CanonSmiles(smiles[i]) for i in (*split.valid, *split.test)}
    assert not judging & set(map(Chem.CanonSmiles, taken))
    told = SuiteFolder(tmp_path / "out").write_setting("freesolv", "scaffold", prepared)["unlabelled"]
    assert (told["molecules"], told["left_out"]) == ([65, 65], [16, 16])
    alone, with_pool = (do_work(work_on("freesolv", "equal", t)) for t in (terms(small_data), shared))
    assert not np.array_equal(alone.predictions, with_pool.predictions)


def test_a_data_set_that_cannot_be_split_fails_alone(small_data, tmp_path):
    path = small_data / "moleculenet" / "freesolv.csv.gz"
    table = pd.read_csv(path)
    whole = table.copy()
    table.loc[scaffold_split(table["smiles"].tolist(), chirality=True).valid, "expt"] = np.nan
    table.to_csv(path, index=False)
    config, kept = plan_suite(RF), SuiteFolder(tmp_path / "out")
    (failed,) = run_suite(config, terms(small_data), kept, in_this_process, ABOUT)
    assert failed.cell.data_set == "freesolv"
    assert "the valid part of the chiral-scaffold split" in failed.error
    bbbp, freesolv = (tmp_path / "out" / name / "chiral-scaffold" / "outcomes" for name in BOTH)
    assert (bbbp / "rf-0.json").exists()
    assert (freesolv / "rf-0.failed.json").exists()
    whole.to_csv(path, index=False)
    assert run_suite(config, terms(small_data), kept, in_this_process, ABOUT) == []
    assert {path.name for path in freesolv.iterdir()} == {"labels-0.npy", "rf-0.npy", "rf-0.json"}


def test_rows_that_are_no_molecules_are_told(small_data, tmp_path, capsys):
    path = small_data / "moleculenet" / "bbbp.csv.gz"
    table = pd.read_csv(path)
    table.loc[3, "smiles"] = "C1CC"
    table.to_csv(path, index=False)
    config, kept = plan_suite(RF), SuiteFolder(tmp_path / "out")
    assert run_suite(config, terms(small_data), kept, in_this_process, ABOUT) == []
    assert "bbbp: 1 row set aside as no molecule, in rejected.csv" in capsys.readouterr().err
    rejected = pd.read_csv(tmp_path / "out" / "bbbp" / "chiral-scaffold" / "rejected.csv")
    assert rejected["row"].tolist() == [3]
    assert not (tmp_path / "out" / "freesolv" / "chiral-scaffold" / "rejected.csv").exists()


def test_other_data_than_before_are_refused(small_data, tmp_path):
    config, kept = plan_suite(RF), SuiteFolder(tmp_path / "out")
    assert run_suite(config, terms(small_data), kept, in_this_process, ABOUT) == []
    for name in BOTH:
        path = small_data / "moleculenet" / f"{name}.csv.gz"
        pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    more = plan_suite(Named(methods=("scratch",)), config)
    failed = run_suite(more, terms(small_data), kept, in_this_process, ABOUT)
    assert all(
        "its outcomes are of another digests, another sha256, another sizes" in f.error for f in failed
    )
    assert len(failed) == 2


def test_a_node_with_other_data_or_another_version_says_so(small_data):
    work = work_on("freesolv", "rf", terms(small_data))
    other = do_work(replace(work, sha256=("0",)))
    assert isinstance(other, Failure)
    assert "freesolv.csv.gz: not what the suite was planned with" in other.error
    assert "this node has molweight" in do_work(replace(work, terms=replace(work.terms, version="0"))).error


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--preset", "huge"), "unknown preset 'huge'; there are quick, ablations, paper, full"),
        (("--data-sets", "bbpb"), "did you mean bbbp"),
        (("--methods", "rf,magic"), "unknown method 'magic'"),
        (("--splits", "time"), "unknown split time; there are scaffold"),
        (("--seeds", 0), "--seeds must be at least 1, got 0"),
        (("--budget", "huge"), "unknown budget 'huge'"),
        (("--objectives", "masking"), "unknown objective 'masking'"),
        (("--jobs", 0), "--jobs must be at least 1, got 0"),
        (("--engine", "slurm"), "unknown engine 'slurm'; there are local, ray"),
        (("--address", "head:6379"), "give --engine ray with it"),
        (("--engine", "ray", "--address", "127.0.0.1:1"), "no Ray cluster answers there"),
        (("--engine", "ray", "--address", "head"), "give the HOST:PORT that ray start"),
        (("--device", "tpu"), "device must be auto, cpu or cuda"),
        (("--data-dir", "/nowhere"), "/nowhere: no such folder"),
        (("--unlabelled", "/nowhere/pool.smi"), "/nowhere/pool.smi"),
        (("--resume", "/nowhere"), "/nowhere: no suite was begun there; use --out to begin one"),
    ],
)
def test_options_that_make_no_sense_are_one_line(run_cli, tmp_path, monkeypatch, options, complaint):
    monkeypatch.chdir(tmp_path)
    code, _, error = run_cli("bench", "suite", *options)
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert complaint in error
    assert not list(tmp_path.glob("molweight-suite*"))


def test_torchrun_is_refused(run_cli, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, error = run_cli("bench", "suite")
    assert code == 2
    assert "molweight bench suite does not run data-parallel" in error


def test_without_ray_it_is_said_how_to_get_it(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("molweight.benchmarks.suite.ray_engine.find_spec", lambda name: None)
    code, _, error = run_cli("bench", "suite", "--engine", "ray")
    assert code == 2
    assert "pip install 'molweight[ray]'" in error


def test_a_suite_is_not_written_over(run_cli, tmp_path):
    SuiteFolder(tmp_path).begin(plan_suite(RF), ABOUT)
    code, _, error = run_cli("bench", "suite", "--out", tmp_path)
    assert code == 2
    assert f"give --resume {tmp_path} to go on with it" in error
    with pytest.raises(ConfigError, match="begun with unlabelled_sha256 None, not ab"):
        SuiteFolder(tmp_path).begin(plan_suite(RF), {**ABOUT, "unlabelled_sha256": "ab"})


def test_the_folder_says_all_that_was_asked_of_it(tmp_path):
    kept, begun = SuiteFolder(tmp_path), plan_suite(RF)
    kept.begin(begun, {"compute": "cpu float32", "command": "first"})
    kept.begin(begun, {"compute": "cuda bfloat16", "command": "second"})
    more: SuiteConfig = plan_suite(Named(methods=("scratch",)), begun)
    kept.begin(more, {"compute": "cpu float32", "command": "third"})
    said = (tmp_path / "suite.json").read_text()
    assert '"compute": "cpu float32; cuda bfloat16"' in said
    assert '"command": "first; third"' in said
    assert kept.begun().methods == ("rf", "scratch")
