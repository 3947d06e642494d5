import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mer_lightning.motion.median import median_filter


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.sampled_from([1, 3, 5, 7]), st.integers(1, 12), st.integers(1, 12), st.integers(1, 3))
def test_median_is_the_middle_of_the_sorted_window(size, height, width, count):
    planes = torch.randn(2, count, height, width)
    padded = functional.pad(planes.flatten(0, 1)[:, None], (size // 2,) * 4, mode="replicate")
    expected = functional.unfold(padded, size).median(1)[0].view(planes.shape)
    assert torch.equal(median_filter(planes, size), expected)


def test_large_planes_are_filtered_in_chunks():
    planes = torch.randn(3, 200, 210)
    expected = (
        functional.unfold(functional.pad(planes[:, None], (2,) * 4, mode="replicate"), 5)
        .median(1)[0]
        .view(planes.shape)
    )
    assert torch.equal(median_filter(planes, 5), expected)


@pytest.mark.parametrize("size", [0, 2, -1])
def test_even_windows_are_refused(size):
    with pytest.raises(ValueError, match="odd"):
        median_filter(torch.zeros(1, 4, 4), size)
