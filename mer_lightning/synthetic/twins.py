"""Twins: a database's official layout, written with rendered faces, and the truth behind every clip."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mer_lightning.synthetic import casme2, census, ckplus, fer2013, samm, smic, smic_long
from mer_lightning.synthetic.takes import plan_twin
from mer_lightning.synthetic.writing import new_root, write_manifest
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mer_lightning.synthetic.fer2013 import Still
    from mer_lightning.synthetic.takes import Take

_WRITERS = {
    "smic": smic.write,
    "smic_vis": smic.write,
    "smic_nir": smic.write,
    "casme2": casme2.write,
    "samm": samm.write,
    "ckplus": ckplus.write,
}
LONG = {"smic-e-157": ("smic_vis", "smic-e-vis-71"), "smic-e-vis-71": ("smic", "smic-e-157")}
"""Releases whose workbook is also that of another camera: its database and release."""

DATABASES = tuple(census.RELEASES)
"""Databases that have a twin."""


@dataclass(frozen=True, slots=True)
class TwinTruth:
    """What is true of a twin that was written.

    Attributes:
        root: Where it lies.
        database: Short name.
        release: Annotation release that its sheet follows.
        takes: Per sample key the clip: ``flow()``, ``landmarks()``, ``intensities()``, ``onset``, ``apex``,
            ``offset``, ``code`` and ``script``; labelled clips only, and none for FER2013.
        stills: Per sample key the picture, for FER2013 only.
    """

    root: Path
    database: str
    release: str
    takes: Mapping[str, Take] = field(default_factory=dict[str, "Take"])
    stills: Mapping[str, Still] = field(default_factory=dict[str, "Still"])


def write_twin(
    out: Path,
    database: str,
    *,
    release: str | None = None,
    subjects: int | None = None,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    frames: float = 1.0,
) -> TwinTruth:
    """Write a twin of a database: its folders, file names, image formats, sheets and known mistakes.

    Without ``subjects`` the counts of clips, subjects and classes are exactly those of the release. The
    camera's own size and frame count make a twin as large as the database (SMIC's bitmaps: about 5 GB).

    Args:
        out: Root of the twin; must not exist or be empty.
        database: One of ``DATABASES``.
        release: Annotation release; None for the default of the database.
        subjects: Only so many subjects; of FER2013, only so many people in the pictures.
        seed: Other people and other expressions for another seed.
        size: Rows and columns of a raw frame; None for the camera's. FER2013 is always 48 x 48.
        frames: Factor on the frames per clip, above zero; of FER2013, on the rows per class.

    Returns:
        The truth behind every sample.

    Raises:
        DataError: An argument is impossible, or the folder is in use.
    """
    release = census.check_release(database, release)
    if database == "fer2013":
        return _write_fer2013(out, release, people=subjects, seed=seed, size=size, rows=frames)
    takes = plan_twin(database, release=release, subjects=subjects, seed=seed, size=size, frames=frames)
    people = len({take.subject for take in takes})
    if subjects is not None and subjects > people:
        raise DataError(f"{database}: {subjects} subjects; release {release} has {people}")
    truth = {take.key: take for take in takes if take.emotion}
    counts = Counter(take.emotion for take in truth.values())
    root = new_root(out)
    write_manifest(root, database, release, seed, counts if subjects is not None else None)
    if release in LONG:
        other, its = LONG[release]
        beside = plan_twin(other, release=its, subjects=subjects, seed=seed, size=size, frames=frames)
        smic_long.write(root, takes, beside)
    else:
        _WRITERS[database](root, takes, release)
    return TwinTruth(root, database, release, takes=truth)


def _write_fer2013(
    out: Path, release: str, *, people: int | None, seed: int, size: tuple[int, int] | None, rows: float
) -> TwinTruth:
    if size not in (None, (fer2013.SIDE, fer2013.SIDE)):
        raise DataError(f"fer2013: pictures of {size} pixels; the table holds 48 x 48")
    stills = fer2013.plan_stills(people=fer2013.PEOPLE if people is None else people, seed=seed, rows=rows)
    root = new_root(out)
    counts = Counter(still.emotion for still in stills)
    write_manifest(root, "fer2013", release, seed, counts if rows != 1.0 else None)
    fer2013.write(root, stills, seed=seed)
    return TwinTruth(root, "fer2013", release, stills={still.key: still for still in stills})
