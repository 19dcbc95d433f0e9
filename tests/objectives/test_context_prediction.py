from collections.abc import Iterator
from dataclasses import replace

import networkx as nx
import pytest
import torch
import torch.nn.functional as F

from molweight.molecules.batch import GraphBatch, collate
from molweight.molecules.store import store_from_smiles
from molweight.objectives.graph.context_prediction import ContextPrediction
from molweight.objectives.graph.corruption import choose_atom_each

SMILES = [
    "CC(=O)Nc1ccc(O)cc1",
    "CCCCCCCCCCCC",
    "C",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "CC(=O)[O-].[Na+]",
    "c1ccc2cc3ccccc3cc2c1",
    "CO",
    "C1CC1",
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def edges(batch: GraphBatch) -> set[tuple[int, int]]:
    ends = batch.atom_type[batch.receiver].tolist(), batch.atom_type[batch.neighbour].tolist()
    return set(zip(*ends, strict=True))


def reference(
    batch: GraphBatch, seed: int, hops: int, ring: int
) -> Iterator[tuple[int, set[int], set[int], set[int]]]:
    """Of each molecule that takes part: centre, neighbourhood, context ring and anchors, by BFS."""
    graph = nx.Graph(edges(batch))
    for centre in choose_atom_each(batch, generator(seed)).tolist():
        distance = nx.single_source_shortest_path_length(graph, centre)
        reach = min(hops + ring, max(distance.values()))
        k = min(hops, reach - 1)
        if reach >= 2:
            inside = {a for a, d in distance.items() if d <= k}
            around = {a for a, d in distance.items() if k <= d <= k + ring}
            yield centre, inside, around, {a for a, d in distance.items() if d == k}


@pytest.mark.parametrize(("hops", "ring"), [(5, 2), (2, 1), (3, 2), (1, 3)])
def test_neighbourhoods_and_context_rings_are_those_of_a_breadth_first_search(numbered, recorder, hops, ring):
    batch = numbered(SMILES)
    whole = edges(batch)
    encoder, objective = recorder(torch.randn(batch.atoms, 6)), ContextPrediction(6, hops, ring)
    objective.context = recorder(torch.randn(batch.atoms, 6))
    for seed in range(25):
        objective(encoder, batch, generator(seed))
        expected = list(reference(batch, seed, hops, ring))
        assert len(expected) >= 4
        for seen, place in ((encoder.seen[-1], 1), (objective.context.seen[-1], 2)):
            atoms = set().union(*(part[place] for part in expected))
            assert sorted(seen.atom_type.tolist()) == sorted(atoms)
            assert edges(seen) == {(u, v) for u, v in whole if u in atoms and v in atoms}


def test_the_loss_is_that_of_true_pairs_and_of_one_false_pair_each(numbered, recorder):
    batch = numbered(SMILES)
    torch.manual_seed(0)
    tables = torch.randn(2, batch.atoms, 6, dtype=torch.float64)
    objective = ContextPrediction(6)
    objective.context = recorder(tables[1])
    for seed in range(10):
        loss = objective(recorder(tables[0]), batch, generator(seed)).item()
        parts = list(reference(batch, seed, 5, 2))
        h = torch.stack([tables[0][centre] for centre, *_ in parts])
        c = torch.stack([tables[1][list(anchors)].mean(0) for *_, anchors in parts])
        logits = h @ c.T / 6**0.5
        true = F.softplus(-logits.diagonal()).mean()
        false = [F.softplus(logits.roll(-s, 1).diagonal()).mean() for s in range(1, len(parts))]
        assert min(abs(0.5 * (true + f).item() - loss) for f in false) < 1e-12


def test_the_order_of_molecules_decides_nothing_about_the_false_pairs(recorder):
    """Of four molecules each meets every other one, whichever stand beside it in the batch."""
    store = store_from_smiles(["CCCCC", "CCCCCO", "Cc1ccccc1", "CCCCCN"])
    torch.manual_seed(0)
    encoder = recorder(torch.randn(4, 6, dtype=torch.float64))
    objective = ContextPrediction(6)
    objective.context = recorder(torch.randn(4, 6, dtype=torch.float64))

    def outcomes(order: list[int]) -> list[float]:
        """Losses there are, where the representation of an atom is that of its molecule."""
        batch = collate(store, torch.tensor(order))
        batch = replace(batch, atom_type=torch.tensor(order)[batch.molecule])
        losses = [objective(encoder, batch, generator(seed)).item() for seed in range(60)]
        return sorted({round(loss, 9) for loss in losses})

    original, backward, shuffled = outcomes([0, 1, 2, 3]), outcomes([3, 2, 1, 0]), outcomes([0, 2, 1, 3])
    assert len(original) == 3
    assert backward == pytest.approx(original)
    assert sum(shuffled) == pytest.approx(sum(original))


@pytest.mark.parametrize("smiles", [["C", "CC"], ["C1CC1", "[Na+].[Cl-]"], ["CCCCCCC"]], ids=str)
def test_fewer_than_two_molecules_that_reach_two_bonds_have_nothing_to_learn(numbered, recorder, smiles):
    batch = numbered(smiles)
    encoder, objective = recorder(torch.randn(batch.atoms, 6)), ContextPrediction(6)
    loss = objective(encoder, batch, generator())
    loss.backward()
    assert loss == 0
    assert (encoder.table.grad == 0).all()
    assert [seen.atoms for seen in encoder.seen] == [0]
