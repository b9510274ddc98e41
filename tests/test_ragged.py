"""`RaggedBatch`: sequences laid end to end and taken apart again."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcell import InputError, RaggedBatch
from memcell.ragged import offsets_of


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.sampled_from([(), (2,), (2, 3)]))
def test_list_there_and_back(lengths: list[int], rest: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((length, *rest)) for length in lengths]
    batch = RaggedBatch.from_list(sequences)
    assert len(batch) == len(lengths)
    assert batch.lengths.tolist() == lengths
    assert batch.offsets.dtype == np.int64
    assert batch.values.shape == (sum(lengths), *rest)
    for b, (back, sequence) in enumerate(zip(batch.to_list(), sequences, strict=True)):
        np.testing.assert_array_equal(back, sequence)
        np.testing.assert_array_equal(batch[b], sequence)


def test_parts_are_views() -> None:
    batch = RaggedBatch(np.zeros((3, 1)), np.array([0, 1, 3]))
    batch[1][:] = 1
    batch.to_list()[0][:] = 2
    assert batch.values[:, 0].tolist() == [2, 1, 1]


def test_nested_lists_are_accepted() -> None:
    assert RaggedBatch.from_list([[[1, 2]], [[3, 4], [5, 6]]]).values.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(("lengths", "offsets"), [([], [0]), ([0], [0, 0]), ([2, 0, 1], [0, 2, 2, 3])])
def test_offsets_of(lengths: list[int], offsets: list[int]) -> None:
    found = offsets_of(lengths)
    assert found.tolist() == offsets
    assert found.dtype == np.int64


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RaggedBatch(np.zeros((1, 1)), np.array([0, 1])).values = np.ones((1, 1))  # type: ignore[misc]


def test_offsets_must_fit() -> None:
    with pytest.raises(InputError, match=r"`offsets` must end at the number of rows, 3; got 2"):
        RaggedBatch(np.zeros((3, 1)), np.array([0, 2]))


def test_empty_list_is_refused() -> None:
    with pytest.raises(InputError, match="`sequences` is empty"):
        RaggedBatch.from_list([])


@pytest.mark.parametrize(
    ("second", "came"), [(np.zeros((2, 3)), r"\[2, 3\]"), (np.zeros(2), r"\[2\]"), (np.float64(1), r"\[\]")]
)
def test_shapes_that_differ_are_named(second: np.ndarray, came: str) -> None:
    with pytest.raises(InputError, match=rf"`sequences\[1\]` has shape {came}; it must be \[length, 2\]"):
        RaggedBatch.from_list([np.zeros((1, 2)), second])
