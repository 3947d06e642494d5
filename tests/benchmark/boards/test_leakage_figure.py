"""Each habit has a panel, in which a method has one dot and one ring."""

from benchmark.boards.leakage_figure import draw_leaks
from benchmark.evidence.habits import pooled_scores
from tests.benchmark.evidence.test_habits import FOLDS, study

RIGHT = {"smic/s01": ((1, 0, 0), (0, 1, 0), (0, 0, 0)), "smic/s02": ((1, 0, 0), (0, 0, 0), (0, 0, 1))}
WRONG = {"smic/s01": ((0, 1, 0), (1, 0, 0), (0, 0, 0)), "smic/s02": ((0, 1, 0), (0, 0, 0), (0, 1, 0))}


def test_each_habit_that_was_tried_has_a_panel_and_its_own_counterpart():
    record = study(
        FOLDS, outcomes={"test_oracle": RIGHT, "scaled_together": WRONG, "scaled_apart": RIGHT, "random_split": WRONG}
    )
    picture, title = draw_leaks([record]), record.honest.title
    assert picture.count(f">{title}<") == 2  # five panels, four beside each other
    assert f"{title}, standardised over all subjects: 1.000 becomes 0.000" in picture
    assert all(f">{habit}<" in picture for habit in ("test oracle", "scaled together", "random split", "fold mean"))
    assert ">augmented before split<" not in picture


def test_what_changes_nothing_is_told_from_what_was_not_tried():
    record = study(FOLDS)
    picture = draw_leaks([study(FOLDS, outcomes={"test_oracle": record.honest.confusion})])
    score = pooled_scores(record.honest.confusion)["uf1"]
    assert ">test oracle<" in picture
    assert f"candidate that is best on each held-out subject: {score:.3f} becomes {score:.3f}" in picture
    assert ">random split<" not in picture
