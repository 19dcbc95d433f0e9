from dataclasses import replace

import pytest
import torch
from rdkit import Chem
from torch.func import functional_call, grad, jvp

from molweight.encoders.gin import GIN
from molweight.molecules.batch import collate
from molweight.molecules.graphs import to_dgl
from molweight.molecules.store import store_from_smiles


def peer(layers: int, width: int):
    dgllife = pytest.importorskip("dgllife.model")
    torch.manual_seed(0)
    model = dgllife.GIN([120, 3], [6, 3], num_layers=layers, emb_dim=width, JK="last", dropout=0.0)

    def forward(batch):
        graph = to_dgl(batch)
        atoms = [graph.ndata["atomic_number"], graph.ndata["chirality_type"]]
        return model(graph, atoms, [graph.edata["bond_type"], graph.edata["bond_direction_type"]])

    return model, forward


def test_parameters_have_the_names_and_shapes_of_dgllife():
    theirs, _ = peer(3, 8)
    expected = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in GIN(3, 8).state_dict().items()} == expected


def test_same_outputs_as_dgllife_at_full_size(batch, kernel):
    theirs, forward = peer(5, 300)
    ours = GIN(kernel=kernel)
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
    assert (outputs[0] - outputs[1]).abs().max() < 1e-10
    for output in outputs:
        output.pow(2).sum().backward()
    gradients = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        # a bias before a batch normalisation has no gradient but rounding errors
        assert torch.allclose(p.grad, gradients[name].grad, rtol=1e-9, atol=1e-9)
    buffers = dict(theirs.named_buffers())
    assert all(torch.allclose(b, buffers[n]) for n, b in ours.named_buffers())


def test_a_dgl_graph_is_accepted_where_a_batch_is(batch, kernel):
    pytest.importorskip("dgl", exc_type=ImportError)
    encoder = GIN(2, 8, kernel=kernel).eval()
    assert torch.equal(encoder(to_dgl(batch)), encoder(batch))


def single(smiles: str):
    return collate(store_from_smiles([smiles]), torch.tensor([0]))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_renumbered_atoms_are_renumbered_representations(kernel, seed, train):
    mol = Chem.MolFromSmiles("C[C@H](N)C(=O)Nc1ccc(O)cc1")
    order = torch.randperm(mol.GetNumAtoms(), generator=torch.Generator().manual_seed(seed)).tolist()
    numbered = Chem.RenumberAtoms(mol, order)
    text = Chem.MolToSmiles(numbered, canonical=False)
    # Where each atom of the molecule stands in the text, whose order our atoms keep.
    written = list(numbered.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    moved = [order[atom] for atom in written]
    assert moved != sorted(moved)
    encoder = GIN(3, 8, kernel=kernel).double().train(train)
    first, second = single("C[C@H](N)C(=O)Nc1ccc(O)cc1"), single(text)
    # the tag of a centre depends on the order of its neighbours, and is not what is tested here
    first, second = (replace(b, chirality=torch.zeros_like(b.chirality)) for b in (first, second))
    assert torch.allclose(encoder(second), encoder(first)[moved], rtol=1e-10, atol=1e-12)


def test_the_order_of_molecules_is_the_order_of_representations(kernel):
    smiles = ["CC(=O)Nc1ccc(O)cc1", "C", "[Na+].[Cl-]"]
    store, encoder = store_from_smiles(smiles), GIN(3, 8, kernel=kernel).double().eval()
    alone = [encoder(collate(store, torch.tensor([m]))) for m in range(3)]
    together = encoder(collate(store, torch.tensor([2, 0, 1])))
    assert torch.allclose(together, torch.cat([alone[2], alone[0], alone[1]]), rtol=1e-10)


def test_a_single_atom_can_be_trained_on(kernel):
    """Its own mean and variance would make every representation the bias: it uses the running ones."""
    encoder, methane = GIN(2, 8, kernel=kernel), single("C")
    for layer in encoder.gnn_layers:
        layer.bn.running_mean.normal_()
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    trained = encoder(methane)
    trained.pow(2).sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    assert encoder.node_embeddings[0].weight.grad[5].abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
    assert torch.allclose(trained, encoder.eval()(methane))


def test_dropout_is_applied_in_training_alone(batch):
    encoder = GIN(2, 8, dropout=0.5)
    first, second = encoder(batch), encoder(batch)
    assert (first == 0).float().mean().item() == pytest.approx(0.5, abs=0.15)
    assert not torch.equal(first, second)
    encoder.eval()
    assert torch.equal(encoder(batch), encoder(batch))
    assert (encoder(batch) != 0).all()


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
