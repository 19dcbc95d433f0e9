import pytest
import torch
from rdkit import Chem
from torch.func import functional_call, grad, jvp

from molweight.encoders.dropout import dropout
from molweight.encoders.gin import GIN
from molweight.encoders.message_passing import neighbour_sum
from molweight.encoders.readout import mean_over, mean_readout
from molweight.molecules.batch import collate
from molweight.molecules.graphs import to_dgl
from molweight.molecules.store import store_from_smiles

SMILES = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]", "C/C=C\\C", "C[C@H](N)C(=O)O", "*c1ccccc1", "CC#N"]


def kernels():
    try:
        import dgl  # noqa: F401
    except ImportError:
        return ["torch"]
    return ["torch", "dgl"]


@pytest.fixture(params=kernels())
def kernel(request) -> str:
    return request.param


@pytest.fixture
def batch():
    return collate(store_from_smiles(SMILES), torch.arange(len(SMILES)))


def adjacency(batch) -> torch.Tensor:
    dense = torch.zeros(batch.atoms, batch.atoms, dtype=torch.float64)
    dense[batch.receiver, batch.neighbour] = 1
    return dense


def test_neighbour_sum_is_the_dense_product(batch, kernel):
    h = torch.randn(batch.atoms, 5, dtype=torch.float64)
    assert torch.allclose(neighbour_sum(h, batch, kernel), adjacency(batch) @ h, rtol=1e-14)


def test_neighbour_sum_can_be_differentiated_twice(batch, kernel):
    h = torch.randn(batch.atoms, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: neighbour_sum(h, batch, kernel).sin(), h)
    assert torch.autograd.gradgradcheck(lambda h: neighbour_sum(h, batch, kernel).sin(), h)


def test_neighbour_sum_works_under_function_transforms(batch, kernel):
    h, v = torch.randn(2, batch.atoms, 3, dtype=torch.float64)

    def loss(h):
        return neighbour_sum(h, batch, kernel).pow(3).sum()

    found = jvp(grad(loss), (h,), (v,))[1]
    a = adjacency(batch)
    assert torch.allclose(found, a @ (6 * (a @ h) * (a @ v)))


def peer(layers: int, width: int):
    dgllife = pytest.importorskip("dgllife.model")
    torch.manual_seed(0)
    model = dgllife.GIN([120, 3], [6, 3], num_layers=layers, emb_dim=width, JK="last", dropout=0.0)

    def forward(batch):
        graph = to_dgl(batch)
        atoms = [graph.ndata["atomic_number"], graph.ndata["chirality_type"]]
        return model(graph, atoms, [graph.edata["bond_type"], graph.edata["bond_direction_type"]])

    return model, forward


def test_same_outputs_as_dgllife_at_full_size(batch, kernel):
    theirs, forward = peer(5, 300)
    ours = GIN(kernel=kernel)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    forward(batch)  # moves their running statistics away from where they start
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.eval(), ours.eval()
    assert (ours(batch) - forward(batch)).abs().max() < 1e-5


def test_same_training_as_dgllife_in_double_precision(batch, kernel):
    theirs, forward = peer(3, 8)
    theirs.double()
    ours = GIN(3, 8, kernel=kernel).double()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    outputs = ours(batch), forward(batch)
    assert torch.allclose(*outputs, rtol=1e-9, atol=1e-9)
    for output in outputs:
        output.pow(2).sum().backward()
    gradients = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        assert torch.allclose(p.grad, gradients[name].grad, rtol=1e-7, atol=1e-8)
    buffers = dict(theirs.named_buffers())
    assert all(torch.allclose(b, buffers[n]) for n, b in ours.named_buffers())


def test_a_dgl_graph_is_accepted_where_a_batch_is(batch):
    pytest.importorskip("dgl", exc_type=ImportError)
    encoder = GIN(2, 8).eval()
    assert torch.equal(encoder(to_dgl(batch)), encoder(batch))


def test_renumbered_atoms_are_renumbered_representations():
    smiles, order = "CC(=O)Nc1ccc(O)cc1", [3, 1, 0, 2, 10, 9, 8, 7, 6, 5, 4]
    mol = Chem.RenumberAtoms(Chem.MolFromSmiles(smiles), order)
    encoder = GIN(3, 8).double().eval()
    from molweight.molecules.featurize import featurize_molecules
    from molweight.molecules.store import _store_from_table, _table

    moved = _store_from_table(_table(featurize_molecules([mol], [0])))
    outputs = [encoder(collate(store, torch.tensor([0]))) for store in (store_from_smiles([smiles]), moved)]
    assert torch.allclose(outputs[1], outputs[0][order])


def test_a_single_atom_can_be_trained_on():
    encoder = GIN(2, 8)
    encoder(collate(store_from_smiles(["C"]), torch.tensor([0]))).sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_awkward_molecules_are_encoded(awkward_smiles):
    encoder = GIN(2, 8).eval()
    assert encoder(collate(store_from_smiles([awkward_smiles]), torch.tensor([0]))).isfinite().all()


def test_curvature_of_the_encoder_under_function_transforms(batch):
    encoder = GIN(2, 4).double().eval()
    params = {n: p.detach() for n, p in encoder.named_parameters()}
    v = {n: torch.randn_like(p) for n, p in params.items()}

    def loss(p):
        return functional_call(encoder, p, (batch,)).pow(2).mean()

    found = jvp(grad(loss), (params,), (v,))[1]
    step = 1e-6
    sides = [grad(loss)({n: p + s * step * v[n] for n, p in params.items()}) for s in (1, -1)]
    for name, value in found.items():
        assert torch.allclose(value, (sides[0][name] - sides[1][name]) / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    torch.manual_seed(0)
    h = dropout(torch.ones(1_000, 301), rate, training=True)
    assert (h == 0).double().mean().item() == pytest.approx(rate, abs=0.005)
    assert h.mean().item() == pytest.approx(1, abs=0.01)
    assert len(h.unique()) == 2


def test_dropout_is_reproducible_and_off_outside_training():
    h = torch.randn(9, 7)
    torch.manual_seed(3)
    first = dropout(h, 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(dropout(h, 0.5, training=True), first)
    assert dropout(h, 0.5, training=False) is h
    assert dropout(h, 0.0, training=True) is h


def test_readout_is_the_mean_over_each_molecule(batch):
    h = torch.randn(batch.atoms, 4)
    expected = torch.stack([part.mean(0) for part in h.split(batch.sizes.tolist())])
    assert torch.allclose(mean_readout(h, batch), expected)


def test_means_of_half_precision_are_taken_in_single_and_empty_groups_are_zero():
    h = torch.full((1_000, 2), 0.1, dtype=torch.bfloat16)
    means = mean_over(h, torch.ones(1_000, dtype=torch.int64), 2)
    assert means.dtype == torch.float32
    assert means[1, 0].item() == pytest.approx(float(h[0, 0]), rel=1e-5)
    assert means[0].tolist() == [0, 0]
