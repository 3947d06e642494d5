"""The alignment error of S4, equations 1 and 2, by hand."""

import numpy as np
import pytest

from mer_lightning.metrics.landmarks import alignment_error
from mer_lightning.types import DataError

BOX = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 4.0], [0.0, 4.0]])


def test_it_is_the_mean_distance_by_the_root_of_the_area():
    # distances 5, 0, 0, 1 are 1.5 on average; the box of 9 x 4 has the root 6
    assert alignment_error(BOX, BOX + np.array([[3, 4], [0, 0], [0, 0], [0, -1]])) == pytest.approx(0.25)


def test_right_points_have_none_and_scale_does_not_count():
    assert alignment_error(BOX, BOX) == 0
    assert alignment_error(7 * BOX, 7 * (BOX + 1)) == pytest.approx(alignment_error(BOX, BOX + 1))


def test_the_true_box_counts():
    assert alignment_error(BOX, 2 * BOX) != pytest.approx(alignment_error(2 * BOX, BOX))


@pytest.mark.parametrize(
    ("true", "predicted", "says"),
    [
        (BOX, BOX[:3], r"two times \(N, 2\) landmarks"),
        (BOX[:0], BOX[:0], "two times"),
        (BOX * [1, 0], BOX, "span a box, got one of 9 x 0 pixels"),
        (BOX, BOX * np.nan, "finite"),
    ],
)
def test_what_has_no_error_is_refused(true, predicted, says):
    with pytest.raises(DataError, match=says):
        alignment_error(true, predicted)
