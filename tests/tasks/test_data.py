import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from molweight.tasks.data import Scaler, as_tensor, labelled_batch

NAN = float("nan")
tables = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.one_of(st.just(NAN), st.floats(-100, 100, width=32)),
)


def test_hidden_labels_are_missing_in_the_copy_alone(data):
    original = data.labels.copy()
    hidden = data.hide_labels(np.array([0, 3]))
    assert np.isnan(hidden.labels[[0, 3]]).all()
    others = np.setdiff1d(np.arange(20), [0, 3])
    assert np.array_equal(hidden.labels[others], original[others], equal_nan=True)
    assert np.array_equal(data.labels, original, equal_nan=True)
    assert hidden.store is data.store


def test_a_labelled_batch_keeps_graphs_and_labels_together(data):
    molecules = torch.tensor([4, 9, 4])
    batch = labelled_batch(data.store, torch.from_numpy(data.labels), molecules)
    expected = data.labels[[4, 9, 4]]
    assert np.array_equal(batch.labels.numpy(), expected, equal_nan=True)
    assert batch.graphs.sizes.tolist() == [4, 6, 4]  # CCCN, benzene
    assert batch.graphs.atom_type.tolist() == [5, 5, 5, 6] + 6 * [5] + [5, 5, 5, 6]


@given(tables)
def test_scaling_inverts_and_gives_zero_mean_and_unit_variance(labels):
    scaler = Scaler.of(labels, "regression")
    scaled = scaler.transform(labels)
    assert np.allclose(scaler.invert(scaled), labels, atol=1e-3, equal_nan=True)
    assert (scaler.std > 0).all()
    for column, values, std in zip(scaled.T, labels.T, scaler.std, strict=True):
        present = column[~np.isnan(column)]
        if len(present) and np.nanstd(values) > 1e-2:  # else lost in the rounding of a large mean
            assert std == pytest.approx(np.nanstd(values.astype(np.float64)), rel=1e-2)
            assert abs(present.mean(dtype=np.float64)) < 1e-2
            assert present.std(dtype=np.float64) == pytest.approx(1, abs=1e-2)


def test_positions_become_an_index_whatever_their_layout():
    positions = np.arange(10)[::-2]  # negative strides, which torch does not take
    assert as_tensor(positions, torch.device("cpu")).tolist() == [9, 7, 5, 3, 1]
