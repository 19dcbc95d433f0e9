import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad
from torch.func import functional_call

from molweight.encoders import shared_rows
from molweight.encoders.gin import GIN
from molweight.encoders.readout import mean_readout
from molweight.encoders.shared_rows import plan_rows
from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles
from molweight.molecules.subgraphs import keep_entries, mask_atoms
from molweight.solver.curvature import hessian_vector_product

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C[C@H](N)C(=O)O", "*c1ccccc1", "CC#N"]
STORE = store_from_smiles([*SMILES, "CC(=O)Nc1ccc(N)cc1", "CCCCCCCC", "C1CCCCC1", "OC(F)(F)F"])


def collated(*smiles: str) -> GraphBatch:
    return collate(store_from_smiles(smiles), torch.arange(len(smiles)))


def rows_of(batch: GraphBatch, layers: int = 3) -> list[int]:
    return [len(rows.bond_counts) for rows in plan_rows(batch, layers, layers).layers]


def test_equal_environments_are_one_row():
    # benzene: all atoms alike at every depth; butane: two ends and two in the middle
    assert rows_of(collated(*["c1ccccc1"] * 5)) == [1, 1, 1]
    assert rows_of(collated("CCCC")) == [2, 2, 2]
    # what distinguishes the middle of octane from its neighbours is seen further away at each layer
    assert rows_of(collated("CCCCCCCC"), 4) == [2, 3, 4, 4]


def test_bonds_and_chirality_tell_environments_apart():
    assert rows_of(collated("C=C", "CC"), 1) == [2]
    assert rows_of(collated("F/C=C/F", "F/C=C\\F"), 1)[0] > rows_of(collated("FC=CF", "FC=CF"), 1)[0]
    one, both = "C[C@H](N)O", "C[C@@H](N)O"
    assert rows_of(collated(one, one)) == [4, 4, 4]
    assert rows_of(collated(one, both), 1) == [8]  # every atom is bonded to the centre


def test_without_a_gain_there_is_a_row_for_each_atom():
    batch = collated("CC(=O)NO")
    assert all(rows.multiplicity is None for rows in plan_rows(batch, 3, 3).layers)
    assert all(rows.spread is None for rows in plan_rows(batch, 3, 3).layers)


def twin(kernel: str, dropout: float = 0.0) -> GIN:
    torch.manual_seed(1)
    encoder = GIN(4, 6, dropout, kernel).double()
    for layer in encoder.gnn_layers:
        # where all atoms are alike, rounding would be divided by √eps and decide whether a ReLU is on
        layer.bn.eps = 0.1
        torch.nn.init.normal_(layer.bn.bias)
        torch.nn.init.normal_(layer.bn.weight)
    return encoder


def assert_same_training(
    batch: GraphBatch, start: dict[str, torch.Tensor] | None = None, train: bool = True
) -> None:
    fused, plain = twin("fused"), twin("torch")
    pull = torch.randn(batch.atoms, 6, dtype=torch.float64)
    for encoder in (fused, plain):
        encoder.load_state_dict(start or encoder.state_dict())
        (encoder.train(train)(batch) * pull).sum().backward()
    assert torch.allclose(fused(batch), plain(batch), rtol=1e-10, atol=1e-10)
    reference = dict(plain.named_parameters())
    for name, p in fused.named_parameters():
        assert torch.allclose(p.grad, reference[name].grad, rtol=1e-8, atol=1e-9), name
    buffers = dict(plain.named_buffers())
    for name, value in fused.named_buffers():
        assert torch.allclose(value.double(), buffers[name].double(), rtol=1e-10, atol=1e-12), name


@settings(max_examples=40)
@given(
    molecules=st.lists(st.integers(0, len(STORE) - 1), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
    rate=st.sampled_from([0.0, 0.2]),
)
def test_training_is_that_of_one_row_for_each_atom(molecules, seed, rate):
    batch = collate(STORE, torch.tensor(molecules))
    if batch.atoms < 3:  # of two atoms the normalised values are signs, and rounding decides
        return
    generator = torch.Generator().manual_seed(seed)
    batch = mask_atoms(batch, torch.rand(batch.atoms, generator=generator) < rate)
    key = torch.rand(batch.atoms, generator=generator, dtype=torch.float64)
    dropped = (key[batch.receiver] + key[batch.neighbour]) % 1 < rate
    assert_same_training(keep_entries(batch, ~(dropped & (batch.receiver != batch.neighbour))))


def test_inference_is_that_of_one_row_for_each_atom(batch):
    fused, plain = twin("fused"), twin("torch")
    for encoder in (fused, plain):
        encoder(batch)  # moves the running statistics
        encoder.eval()
    with torch.no_grad():
        assert torch.allclose(fused(batch), plain(batch), rtol=1e-12, atol=1e-12)


def test_gradients_in_evaluation_mode_are_those_of_one_row_for_each_atom(batch):
    plain = twin("torch")
    plain(batch)
    assert_same_training(batch, plain.state_dict(), train=False)


def test_dropout_acts_on_each_atom_by_itself():
    encoder = twin("fused", dropout=0.5)
    rows = encoder(collated(*["CCC(=O)N"] * 8))
    assert len(rows.unique(dim=0)) > 12
    rows.sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_dropout_leaves_the_gradient_of_what_it_keeps():
    """With the same random numbers, both forms drop the same elements."""
    batch, found = collated(*SMILES), []
    for kernel in ("fused", "torch"):
        encoder = twin(kernel, dropout=0.25)
        torch.manual_seed(5)
        out = encoder(batch)
        out.square().sum().backward()
        found.append([out, *(p.grad for p in encoder.parameters())])
    assert all(torch.allclose(a, b, rtol=1e-8, atol=1e-9) for a, b in zip(*found, strict=True))


def test_a_collision_of_hashes_costs_nothing_but_speed(monkeypatch):
    batch = collated("CCCCCCCC", "CCCCCCCC", "CC(=O)N")
    shared = rows_of(batch)
    monkeypatch.setattr(shared_rows, "_mixed", np.zeros_like)
    assert rows_of(batch) == [batch.atoms] * 3 != shared
    assert_same_training(batch)


def test_graphs_beyond_the_packing_of_bonds_are_not_shared():
    star = 120  # neighbours of one atom
    entries = [(0, 0), *((0, leaf) for leaf in range(1, star + 1))]
    entries += [pair for leaf in range(1, star + 1) for pair in ((leaf, 0), (leaf, leaf))]
    degree = torch.tensor([star + 1] + [2] * star)
    batch = GraphBatch(
        atom_type=torch.full((star + 1,), 5),
        chirality=torch.zeros(star + 1, dtype=torch.long),
        row_offsets=torch.cat([torch.zeros(1, dtype=torch.long), degree.cumsum(0)]),
        neighbour=torch.tensor([neighbour for _, neighbour in entries]),
        bond_type=torch.tensor([4 if a == b else 0 for a, b in entries]),
        bond_direction=torch.zeros(len(entries), dtype=torch.long),
        sizes=torch.tensor([star + 1]),
    )
    assert rows_of(batch) == [star + 1] * 3
    assert_same_training(batch)


def test_graphs_with_an_atom_that_has_no_entry_are_not_shared():
    batch = collated("C", "CC", "CC", "CO")
    entries = torch.arange(1, len(batch.neighbour))  # all but the self-loop of methane
    bare = replace(
        batch,
        row_offsets=(batch.row_offsets - 1).clamp(min=0),
        **{name: getattr(batch, name)[entries] for name in ("neighbour", "bond_type", "bond_direction")},
    )
    assert rows_of(bare) == [bare.atoms] * 3
    assert_same_training(bare)


def test_a_second_derivative_is_refused_and_torch_func_gets_the_composable_form(batch):
    encoder, plain = twin("fused"), twin("torch")
    loss = encoder(batch).square().sum()
    with pytest.raises(RuntimeError, match='set its `kernel` to "torch"'):
        torch.autograd.grad(loss, encoder.gnn_layers[0].mlp[0].weight, create_graph=True)
    params = {name: p.detach() for name, p in encoder.named_parameters()}
    vector = {name: torch.randn_like(p) for name, p in params.items()}
    plain.load_state_dict(encoder.state_dict())
    products = [
        hessian_vector_product(lambda p, m=m: functional_call(m, p, (batch,)).pow(2).sum(), params, vector)
        for m in (encoder.eval(), plain.eval())
    ]
    assert all(torch.equal(products[0][name], products[1][name]) for name in params)


@pytest.mark.parametrize("train", [True, False])
def test_forward_derivatives_are_those_of_one_row_for_each_atom(batch, train):
    fused, plain = twin("fused"), twin("torch")
    params = {name: p.detach() for name, p in fused.named_parameters()}
    tangents = {name: torch.randn_like(p) for name, p in params.items()}
    plain(batch)
    fused.load_state_dict(plain.state_dict())
    along = []
    for encoder in (fused.train(train), plain.train(train)):
        with forward_ad.dual_level():
            duals = {name: forward_ad.make_dual(p, tangents[name]) for name, p in params.items()}
            along.append(forward_ad.unpack_dual(functional_call(encoder, duals, (batch,))).tangent)
    assert torch.allclose(*along, rtol=1e-8, atol=1e-9)


def test_frozen_statistics_do_not_move(batch):
    encoder = twin("fused")
    for layer in encoder.gnn_layers:
        layer.bn.track_running_stats = False
    before = copy.deepcopy(encoder.state_dict())
    encoder(batch)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def half_precision_error(kernel: str, batch: GraphBatch) -> float:
    gradients = []
    for half in (False, True):
        torch.manual_seed(0)
        encoder = GIN(3, 64, kernel=kernel if half else "torch")
        encoder = encoder if half else encoder.double()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = encoder(batch)
        wide = out.float() if half else out
        mean_readout(wide, batch).square().mean().backward()
        gradients.append(torch.cat([p.grad.double().flatten() for p in encoder.parameters()]))
    return float((gradients[1] - gradients[0]).norm() / gradients[0].norm())


def test_half_precision_is_no_worse_than_that_of_the_composed_operations():
    """bfloat16 rounds to 2⁻⁹, and a ReLU that switches for it changes a gradient by more."""
    batch = collate(STORE, torch.arange(len(STORE)).repeat(4))
    fused, composed = half_precision_error("fused", batch), half_precision_error("torch", batch)
    assert fused < 1.25 * composed
    assert fused < 0.2


def test_the_plan_of_a_batch_with_one_kind_of_row_below():
    batch = replace(collated("C", "C", "C"), chirality=torch.zeros(3, dtype=torch.long))
    assert rows_of(batch) == [1, 1, 1]
