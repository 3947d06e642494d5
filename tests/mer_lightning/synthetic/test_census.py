from collections import Counter
from statistics import median

import pytest

from mer_lightning.synthetic.census import FER2013_PARTS, census
from mer_lightning.synthetic.takes import plan_composite, plan_twin
from mer_lightning.types import DataError

CASME2 = {
    "others": 99,
    "disgust": 63,
    "happiness": 32,
    "repression": 27,
    "surprise": 25,
    "sadness": 7,
    "fear": 2,
}
SAMM = {
    "Anger": 57, "Other": 26, "Happiness": 26, "Surprise": 15, "Contempt": 12, "Disgust": 9, "Fear": 8,
    "Sadness": 6,
}  # fmt: skip
SMIC = {"negative": 70, "positive": 51, "surprise": 43}
SLOW = {"positive": 28, "negative": 24, "surprise": 19}
CKPLUS = {
    "anger": 45,
    "contempt": 18,
    "disgust": 59,
    "fear": 25,
    "happy": 69,
    "sadness": 28,
    "surprise": 83,
    "": 266,
}


@pytest.mark.parametrize(
    ("database", "release", "subjects", "counts"),
    [
        ("smic", "smic-hs-164", 16, SMIC),
        ("smic", "smic-e-157", 16, {"negative": 66, "positive": 51, "surprise": 40}),
        ("smic_vis", "smic-vis-71", 8, SLOW),
        ("smic_vis", "smic-e-vis-71", 8, SLOW),
        ("casme2", "casme2-2014", 26, CASME2),
        ("casme2", "casme2-2014+objective", 26, CASME2),
        ("casme2", "casme2-2019", 26, CASME2 | {"surprise": 28, "sadness": 4}),
        ("samm", "samm-v2", 29, SAMM),
        ("ckplus", "ckplus-327", 123, CKPLUS),
    ],
)
def test_counts_are_those_of_the_release(database: str, release: str, subjects: int, counts: dict[str, int]):
    entries = census(database, release)
    assert Counter(entry.emotion for entry in entries) == counts
    assert len({entry.subject for entry in entries}) == subjects
    assert len({(entry.subject, entry.clip) for entry in entries}) == sum(counts.values())


@pytest.mark.parametrize(
    ("database", "release", "counts"),
    [
        ("casme2", "casme2-2014", (25, 15, 99, 26, 20, 1, 69)),
        ("casme2", "casme2-2019", (30, 18, 93, 15, 18, 2, 79)),
        ("samm", "samm-v2", (24, 13, 20, 8, 3, 7, 84)),
    ],
)
def test_objective_classes_are_those_of_the_sheet(database: str, release: str, counts: tuple[int, ...]):
    found = Counter(entry.objective for entry in census(database, release))
    assert tuple(found[name] for name in ("I", "II", "III", "IV", "V", "VI", "VII")) == counts


def test_the_composite_is_as_uneven_as_the_real_one():
    takes = plan_composite()
    merged = {"happiness": "pos", "positive": "pos", "surprise": "sur"}
    classes = Counter((take.database, merged.get(take.emotion, "neg")) for take in takes)
    assert {
        name: tuple(classes[name, kind] for kind in ("neg", "pos", "sur")) for name in ("smic", "casme2", "samm")
    } == {
        "smic": (70, 51, 43),
        "casme2": (88, 32, 25),
        "samm": (92, 26, 15),
    }
    folds = Counter((take.database, take.subject) for take in takes)
    sizes = sorted(folds.values())
    assert len(folds) == 68 and sum(sizes) == 442
    assert (sizes[0], median(sizes), sizes[-1]) == (1, 4, 39)
    assert sizes.count(1) == 8 and sum(size <= 3 for size in sizes) == 26
    assert Counter(database for database, _ in folds) == {"smic": 16, "casme2": 24, "samm": 28}
    assert not {("casme2", "sub10"), ("casme2", "sub18")} & set(folds)
    kinds = {
        fold: len({merged.get(take.emotion, "neg") for take in takes if (take.database, take.subject) == fold})
        for fold in folds
    }
    assert Counter(kinds.values()) == {3: 16, 2: 29, 1: 23}


def test_a_subject_limit_keeps_the_first_ones():
    assert {entry.subject for entry in census("samm", subjects=2)} == {"006", "007"}


def test_another_seed_changes_the_people_but_never_the_counts():
    first, second = (plan_twin("casme2", seed=seed, subjects=3) for seed in (0, 1))
    assert [take.key for take in first] == [take.key for take in second]
    assert {take.script.who for take in first}.isdisjoint(take.script.who for take in second)


def test_three_cameras_see_the_same_people():
    fast, slow = plan_twin("smic"), plan_twin("smic_vis")
    people = {take.subject: take.script.who for take in fast}
    assert all(people[take.subject] == take.script.who for take in slow)


def test_clip_lengths_have_the_range_of_the_database():
    lengths = [take.offset - take.onset + 1 for take in plan_twin("casme2")]
    assert min(lengths) >= 24 and max(lengths) <= 126
    assert sum(lengths) / len(lengths) == pytest.approx(70, abs=6)


def test_fer2013_has_the_rows_of_its_parts():
    assert {part: sum(counts) for part, counts in FER2013_PARTS.items()} == {
        "Training": 28709,
        "PublicTest": 3589,
        "PrivateTest": 3589,
    }


@pytest.mark.parametrize(
    ("database", "release", "subjects"), [("mmew", None, None), ("samm", "samm-v9", None), ("samm", None, 0)]
)
def test_what_has_no_twin_is_an_error(database: str, release: str | None, subjects: int | None):
    with pytest.raises(DataError, match="expected"):
        census(database, release, subjects)
