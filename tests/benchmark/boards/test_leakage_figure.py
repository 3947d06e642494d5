"""A method has one row, whose marks are its habits; a counterpart of its own has a row of its own."""

from benchmark.boards.leakage_figure import draw_leaks
from tests.benchmark.evidence.test_habits import FOLDS, study

RIGHT = {"smic/s01": ((1, 0, 0), (0, 1, 0), (0, 0, 0)), "smic/s02": ((1, 0, 0), (0, 0, 0), (0, 0, 1))}
WRONG = {"smic/s01": ((0, 1, 0), (1, 0, 0), (0, 0, 0)), "smic/s02": ((0, 1, 0), (0, 0, 0), (0, 1, 0))}


def test_a_counterpart_of_its_own_has_a_row_of_its_own():
    record = study(
        FOLDS, outcomes={"test_oracle": RIGHT, "scaled_together": WRONG, "scaled_apart": RIGHT, "random_split": WRONG}
    )
    picture, title = draw_leaks([record]), record.honest.title
    assert picture.count(f">{title}<") == 1
    assert f">{title}: scaled together<" in picture
    assert f"{title}: scaled together, standardised over all subjects: 1.000 becomes 0.000" in picture
    assert all(f">{habit}<" in picture for habit in ("test oracle", "random split", "fold mean"))
    assert ">augmented before split<" not in picture


def test_what_changes_nothing_is_not_drawn():
    record = study(FOLDS)
    assert ">test oracle<" not in draw_leaks([study(FOLDS, outcomes={"test_oracle": record.honest.confusion})])
