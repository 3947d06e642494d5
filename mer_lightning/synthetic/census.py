"""Who shows what in each twin: subjects, clips and classes as uneven as in the real releases.

The class and subject totals are those of the releases; how they fall on the subjects is made up, under what
is known of the composite of MEGC2019 (folds of 1 to 39 clips, median 4, eight subjects with one clip, 26 with
at most three, 16 with all three classes, 23 with one).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mer_lightning.synthetic.actions import Objective

CENSUS_SEED = 20190701


@dataclass(frozen=True, slots=True)
class CensusEntry:
    """One clip of a database before anything is drawn.

    Attributes:
        subject: Subject as ``Sample.subject`` has it.
        clip: Clip name.
        emotion: Native label as the database spells it; empty if the clip is not labelled.
        objective: Objective class, None where the database has none.
    """

    subject: str
    clip: str
    emotion: str
    objective: Objective | None = None


# negative, positive, surprise
SMIC_HS = {
    "s01": (5, 4, 1), "s02": (1, 3, 6), "s03": (20, 14, 5), "s04": (18, 0, 1), "s05": (2, 0, 2),
    "s06": (1, 0, 0), "s08": (11, 1, 1), "s09": (2, 2, 4), "s11": (0, 5, 0), "s12": (2, 2, 3),
    "s13": (0, 0, 6), "s14": (0, 0, 2), "s15": (2, 2, 2), "s18": (0, 1, 2), "s19": (3, 5, 1),
    "s20": (3, 12, 7),
}  # fmt: skip
SMIC_SLOW = {
    "s11": (2, 3, 1), "s12": (2, 10, 1), "s13": (10, 1, 3), "s14": (1, 6, 5), "s15": (3, 0, 4),
    "s18": (1, 3, 1), "s19": (1, 2, 1), "s20": (4, 3, 3),
}  # fmt: skip
"""VIS and NIR recorded the same people at the same time."""

SMIC_E_ABSENT = frozenset({"s01_ne_02", "s02_sur_05", "s03_ne_03", "s03_ne_20", "s04_ne_05", "s04_ne_06", "s09_sur_02"})
"""Clips of the 164 that the sheet of the E release does not name."""

SMIC_E_SLOW = ("s20", "s14", "s18", "s19", "s13", "s12", "s11", "s15")
"""Whom the 25 fps camera recorded, in the order of the sheet; the E release has the same clips of both cameras."""

# whom the high-speed camera alone recorded
SMIC_E_FAST = {
    "s01": (4, 4, 1), "s02": (1, 3, 6), "s03": (14, 12, 5), "s04": (12, 0, 1), "s05": (1, 0, 2),
    "s06": (1, 0, 0), "s08": (8, 1, 1), "s09": (1, 3, 5),
}  # fmt: skip
SMIC_E_RENAMED = {"s18_ne_01": "s18_sur_03"}
"""Clip whose name says surprise and whose emotion is negative."""

SMIC_E_SHOWINGS = {
    "s20_ne_01": 2, "s14_po_02": 2, "s19_po_01": 2, "s13_ne_04": 2, "s12_po_05": 2,
    "s01_ne_03": 2, "s03_po_04": 3, "s08_ne_02": 3,
}  # fmt: skip
"""Clips in which the expression shows more than once."""

# disgust, repression, happiness, surprise, others, sadness, fear; the 2014 sheet
CASME2_EMOTIONS = ("disgust", "repression", "happiness", "surprise", "others", "sadness", "fear")
CASME2 = {
    "sub01": (2, 2, 0, 1, 0, 0, 0), "sub02": (1, 0, 2, 0, 6, 0, 0), "sub03": (2, 0, 0, 1, 2, 0, 0),
    "sub04": (1, 0, 4, 0, 10, 1, 1), "sub05": (5, 1, 0, 2, 5, 1, 0), "sub06": (2, 0, 1, 1, 0, 0, 0),
    "sub07": (2, 0, 0, 0, 2, 0, 0), "sub08": (0, 0, 1, 3, 2, 1, 0), "sub09": (6, 0, 0, 3, 2, 0, 0),
    "sub10": (0, 0, 0, 0, 7, 0, 0), "sub11": (4, 2, 0, 0, 11, 1, 0), "sub12": (1, 1, 1, 1, 3, 0, 0),
    "sub13": (5, 4, 0, 1, 8, 0, 1), "sub14": (0, 0, 5, 0, 0, 1, 0), "sub15": (1, 1, 1, 0, 0, 0, 0),
    "sub16": (2, 0, 0, 0, 9, 0, 0), "sub17": (16, 10, 5, 0, 4, 1, 0), "sub18": (0, 0, 0, 0, 9, 0, 0),
    "sub19": (6, 4, 1, 0, 0, 0, 0), "sub20": (1, 1, 2, 0, 2, 1, 0), "sub21": (0, 0, 1, 2, 9, 0, 0),
    "sub22": (1, 0, 0, 0, 6, 0, 0), "sub23": (1, 0, 3, 0, 0, 0, 0), "sub24": (2, 0, 1, 4, 0, 0, 0),
    "sub25": (1, 0, 4, 6, 0, 0, 0), "sub26": (1, 1, 0, 0, 2, 0, 0),
}  # fmt: skip
CASME2_NAMED = {
    ("sub01", "disgust"): ("EP02_01f",),
    ("sub04", "disgust"): ("EP12_01f",),
    ("sub05", "disgust"): ("EP09_05f",),
    ("sub05", "surprise"): ("EP12_03f",),
    ("sub16", "disgust"): ("EP01_08",),
}
"""Clips that the literature names; the rest is made up."""

CASME2_UNLABELLED = ("sub09", "EP02_02f")
CASME2_NO_APEX = ("sub04", "EP12_01f")
CASME2_APEX_IS_ONSET = ("sub05", "EP09_05f")
CASME2_APEX_IS_OFFSET = (("sub05", "EP07_03"), ("sub12", "EP06_03"), ("sub20", "EP02_11f"), ("sub25", "EP04_02"))
CASME2_ROW_91 = 60
"""Row of the sheet, counted from 0 below the header, whose offset is frame 91; some copies mistype it."""

# how the objective classes of the 2014 sheet (25, 15, 99, 26, 20, 1, 69) fall on the emotions
CASME2_OBJECTIVE: dict[str, dict[Objective, int]] = {
    "happiness": {"I": 25, "VII": 7},
    "surprise": {"II": 15, "VII": 10},
    "disgust": {"III": 35, "IV": 26, "VII": 2},
    "repression": {"V": 12, "VII": 15},
    "others": {"III": 61, "V": 4, "VII": 34},
    "sadness": {"III": 2, "V": 4, "VII": 1},
    "fear": {"III": 1, "VI": 1},
}

CASME2_SURPRISE_2019 = {
    ("sub08", "EP18_08"): ("sub24", "EP07_01"),
    ("sub14", "EP16_09"): ("sub24", "EP07_04f"),
    ("sub20", "EP01_02"): ("sub24", "EP10_03"),
}
"""Clips of sadness, and as which ones the twin of the 2019 sheet has them: there they are called surprise."""

CASME2_MOVES_2019: dict[tuple[Objective, Objective], int] = {
    ("III", "I"): 2, ("III", "II"): 3, ("III", "VI"): 1, ("III", "VII"): 9, ("IV", "I"): 3, ("IV", "VII"): 8,
    ("V", "VII"): 2, ("VII", "III"): 9,
}  # fmt: skip
"""Clips that the 2019 sheet gives another objective class; afterwards 30, 18, 93, 15, 18, 2, 79."""

# anger, contempt, disgust, fear, sadness, happiness, surprise, other
SAMM_EMOTIONS = ("Anger", "Contempt", "Disgust", "Fear", "Sadness", "Happiness", "Surprise", "Other")
SAMM = {
    "006": (4, 0, 0, 0, 0, 0, 1, 1), "007": (1, 0, 0, 0, 0, 1, 0, 1), "009": (0, 0, 0, 1, 0, 4, 3, 1),
    "010": (0, 0, 0, 0, 0, 1, 0, 1), "011": (9, 3, 2, 0, 2, 1, 3, 0), "012": (0, 0, 0, 0, 0, 0, 1, 2),
    "013": (3, 0, 0, 0, 0, 0, 1, 0), "014": (4, 1, 0, 0, 0, 5, 2, 1), "015": (0, 0, 0, 0, 0, 1, 0, 2),
    "016": (1, 0, 0, 0, 0, 0, 0, 0), "017": (5, 0, 0, 1, 1, 0, 0, 2), "018": (2, 0, 0, 1, 0, 2, 0, 1),
    "019": (5, 0, 2, 1, 0, 0, 0, 0), "020": (0, 0, 0, 0, 0, 1, 0, 1), "021": (0, 1, 0, 0, 0, 0, 1, 0),
    "022": (1, 0, 0, 0, 2, 1, 0, 0), "023": (0, 1, 0, 0, 0, 0, 1, 0), "024": (0, 1, 0, 2, 0, 0, 0, 2),
    "025": (0, 0, 0, 0, 0, 0, 0, 2), "026": (1, 0, 0, 0, 0, 0, 0, 1), "028": (4, 3, 2, 0, 1, 0, 1, 0),
    "030": (1, 0, 0, 0, 0, 1, 0, 3), "031": (2, 1, 1, 0, 0, 1, 0, 0), "032": (6, 0, 1, 2, 0, 1, 0, 0),
    "033": (3, 0, 0, 0, 0, 0, 0, 0), "034": (1, 1, 1, 0, 0, 0, 0, 0), "035": (2, 0, 0, 0, 0, 0, 0, 2),
    "036": (2, 0, 0, 0, 0, 4, 0, 3), "037": (0, 0, 0, 0, 0, 2, 1, 0),
}  # fmt: skip
SAMM_NAMED = {
    ("006", "Anger"): ("006_1_2",),
    ("013", "Anger"): ("013_1_12", "013_1_8", "013_1_9"),
    ("017", "Anger"): ("017_3_2",),
    ("026", "Anger"): ("026_1_1",),
    ("026", "Other"): ("026_1_2",),
    ("028", "Anger"): ("028_4_1",),
    ("032", "Anger"): ("032_3_1", "032_3_2"),
    ("035", "Anger"): ("035_7_2",),
}
SAMM_ODD_NAMES = ("013_1_12", "013_1_8", "017_3_2", "026_1_1", "026_1_2", "035_7_2")
"""Clips whose images are not named like those of the others."""

SAMM_APEX = {"028_4_1": 1105, "032_3_1": 4945, "032_3_2": 5130}
SAMM_OFFSET = {"013_1_9": 5739}
"""True frames of clips that the literature corrects."""

SAMM_WRONG_APEX = ("028_4_1", "032_3_1")
"""Clips whose apex in the sheet is not a frame of theirs."""

SAMM_OBJECTIVE: dict[str, dict[Objective, int]] = {
    "Happiness": {"I": 24, "VII": 2},
    "Surprise": {"II": 13, "VII": 2},
    "Anger": {"III": 18, "VII": 39},
    "Contempt": {"VII": 12},
    "Disgust": {"IV": 8, "VII": 1},
    "Fear": {"VI": 5, "VII": 3},
    "Sadness": {"V": 3, "VII": 3},
    "Other": {"III": 2, "VI": 2, "VII": 22},
}

CKPLUS_CLASSES = {
    "anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happy": 69, "sadness": 28, "surprise": 83,
}  # fmt: skip
CKPLUS_CODES = {"neutral": 0} | {name: code for code, name in enumerate(CKPLUS_CLASSES, 1)}
CKPLUS_SEQUENCES = 593
CKPLUS_SUBJECTS = 123

# rows per part; classes 0 to 6 of the file
FER2013_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FER2013_PARTS = {
    "Training": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "PublicTest": (467, 56, 496, 895, 653, 415, 607),
    "PrivateTest": (491, 55, 528, 879, 594, 416, 626),
}

RELEASES = {
    "smic": ("smic-hs-164", "smic-e-157"),
    "smic_vis": ("smic-vis-71", "smic-e-vis-71"),
    "smic_nir": ("smic-nir-71",),
    "casme2": ("casme2-2014", "casme2-2019", "casme2-2014+objective"),
    "samm": ("samm-v2",),
    "ckplus": ("ckplus-327",),
    "fer2013": ("fer2013",),
}
"""Annotation releases that a twin of each database can follow; the first is the default."""


def check_release(database: str, release: str | None) -> str:
    """Give the annotation release to follow.

    Raises:
        DataError: The database or the release has no twin.
    """
    known = RELEASES.get(database)
    if known is None:
        raise DataError(f"{database}: no twin of this database; expected one of {', '.join(RELEASES)}")
    if release is None:
        return known[0]
    if release not in known:
        raise DataError(f"{release}: not a release of {database}; expected one of {', '.join(known)}")
    return release


def census(
    database: str, release: str | None = None, subjects: int | None = None, *, shown: bool = False
) -> tuple[CensusEntry, ...]:
    """List the clips of a database.

    Args:
        database: Short name; ``fer2013`` has no clips and no census.
        release: Annotation release; None for the default.
        subjects: Only so many subjects, in their order; None for all.
        shown: What the faces show, where a later sheet calls it something else.

    Returns:
        Entries in the order of the sheet.

    Raises:
        DataError: The database, the release or the number of subjects is impossible.
    """
    release = check_release(database, release)
    if subjects is not None and subjects < 1:
        raise DataError(f"{database}: {subjects} subjects; expected at least one")
    if database.startswith("smic"):
        slow = database != "smic"
        entries = _smic_e(slow=slow) if "-e-" in release else _smic(SMIC_SLOW if slow else SMIC_HS)
    elif database == "casme2":
        entries = _casme2()
        if release == "casme2-2019":
            entries = _casme2_2019() if shown else _relabel(_casme2_2019())
    elif database == "samm":
        entries = _samm()
    elif database == "ckplus":
        entries = _ckplus()
    else:
        raise DataError(f"{database}: consists of single pictures; it has no clips to list")
    if subjects is not None:
        kept = list(dict.fromkeys(entry.subject for entry in entries))[:subjects]
        entries = [entry for entry in entries if entry.subject in kept]
    return tuple(entries)


def _smic(table: Mapping[str, tuple[int, int, int]], without: Collection[str] = ()) -> list[CensusEntry]:
    entries: list[CensusEntry] = []
    for subject, counts in table.items():
        for (emotion, short), count in zip(
            (("negative", "ne"), ("positive", "po"), ("surprise", "sur")), counts, strict=True
        ):
            names = (f"{subject}_{short}_{k:02d}" for k in itertools.count(1))
            free = (name for name in names if name not in without)
            entries += [CensusEntry(subject, name, emotion) for name in itertools.islice(free, count)]
    return entries


def _smic_e(*, slow: bool) -> list[CensusEntry]:
    both = [
        replace(entry, clip=SMIC_E_RENAMED.get(entry.clip, entry.clip))
        for entry in _smic({subject: SMIC_SLOW[subject] for subject in SMIC_E_SLOW})
    ]
    return both if slow else both + _smic(SMIC_E_FAST, SMIC_E_ABSENT)


def _deal(entries: Iterable[CensusEntry], quotas: Mapping[str, Mapping[Objective, int]]) -> list[CensusEntry]:
    """Deal the objective classes to the clips of every emotion, at random."""
    draw = np.random.default_rng(CENSUS_SEED)
    hands: dict[str, list[Objective]] = {}
    for emotion, quota in quotas.items():
        hand: list[Objective] = [name for name, count in quota.items() for _ in range(count)]
        hands[emotion] = [hand[k] for k in draw.permutation(len(hand))]
    return [CensusEntry(one.subject, one.clip, one.emotion, hands[one.emotion].pop()) for one in entries]


def _casme2() -> list[CensusEntry]:
    draw = np.random.default_rng(CENSUS_SEED)
    entries: list[CensusEntry] = []
    for subject, counts in CASME2.items():
        taken = {name for (who, _), names in CASME2_NAMED.items() if who == subject for name in names}
        taken |= {CASME2_UNLABELLED[1]} if subject == CASME2_UNLABELLED[0] else set()
        mine: list[CensusEntry] = []
        for emotion, count in zip(CASME2_EMOTIONS, counts, strict=True):
            names = list(CASME2_NAMED.get((subject, emotion), ()))
            while len(names) < count:
                film, number = draw.integers(1, 20), draw.integers(1, 13)
                name = f"EP{film:02d}_{number:02d}{'f' if draw.random() < 0.6 else ''}"
                if name not in taken:
                    names.append(name)
                    taken.add(name)
            mine += [CensusEntry(subject, name, emotion) for name in names]
        entries += sorted(mine, key=lambda entry: entry.clip)
    return _deal(entries, CASME2_OBJECTIVE)


def _casme2_2019() -> list[CensusEntry]:
    """The clips of the 2019 sheet with the labels of 2014."""
    entries = [
        replace(entry, subject=CASME2_SURPRISE_2019[named][0], clip=CASME2_SURPRISE_2019[named][1])
        if (named := (entry.subject, entry.clip)) in CASME2_SURPRISE_2019
        else entry
        for entry in _casme2()
    ]
    return sorted(entries, key=lambda entry: (entry.subject, entry.clip))


def _relabel(entries: Iterable[CensusEntry]) -> list[CensusEntry]:
    """Turn the labels of 2014 into those of 2019."""
    found = {
        (entry.subject, entry.clip): replace(entry, emotion="surprise")
        if (entry.subject, entry.clip) in CASME2_SURPRISE_2019.values()
        else entry
        for entry in entries
    }
    draw = np.random.default_rng([CENSUS_SEED, 2019])
    stay = dict(found)
    for (before, after), count in CASME2_MOVES_2019.items():
        own = [named for named, entry in stay.items() if entry.objective == before]
        for k in draw.choice(len(own), count, replace=False).tolist():
            found[own[k]] = replace(stay.pop(own[k]), objective=after)
    return list(found.values())


def _samm() -> list[CensusEntry]:
    draw = np.random.default_rng(CENSUS_SEED)
    entries: list[CensusEntry] = []
    for subject, counts in SAMM.items():
        taken = {name for (who, _), names in SAMM_NAMED.items() if who == subject for name in names}
        mine: list[CensusEntry] = []
        for emotion, count in zip(SAMM_EMOTIONS, counts, strict=True):
            names = list(SAMM_NAMED.get((subject, emotion), ()))
            while len(names) < count:
                name = f"{subject}_{draw.integers(1, 8)}_{draw.integers(1, 8)}"
                if name not in taken:
                    names.append(name)
                    taken.add(name)
            mine += [CensusEntry(subject, name, emotion) for name in names]
        entries += sorted(mine, key=lambda entry: tuple(int(part) for part in entry.clip.split("_")))
    return _deal(entries, SAMM_OBJECTIVE)


def _ckplus() -> list[CensusEntry]:
    draw = np.random.default_rng(CENSUS_SEED)
    numbers = np.concatenate([[5], np.sort(draw.choice(np.arange(10, 140), 82, replace=False)), np.arange(501, 541)])
    share = draw.gamma(6.0, 1.0, CKPLUS_SUBJECTS)
    counts = 1 + draw.multinomial(CKPLUS_SEQUENCES - CKPLUS_SUBJECTS, share / share.sum())
    entries: list[CensusEntry] = []
    labels = [name for name, count in CKPLUS_CLASSES.items() for _ in range(count)]
    labels += [""] * (CKPLUS_SEQUENCES - len(labels))
    order = draw.permutation(len(labels))
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        for sequence in range(1, count + 1):
            entries.append(CensusEntry(f"S{number:03d}", f"{sequence:03d}", labels[order[len(entries)]]))
    return entries
