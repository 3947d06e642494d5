"""Everything that differs between a folder and the annotation release that it should follow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.datasets.frames import read_clip
from mer_lightning.datasets.problems import Problem, Remark
from mer_lightning.datasets.registry import get_database, recognise, where_else
from mer_lightning.datasets.releases import get_release
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mer_lightning.datasets.frames import Scan

__all__ = ["Problem", "Verification", "verify", "verify_all"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a folder.

    Attributes:
        database: Short name of the database.
        root: The folder.
        release: Annotation release with its switches; empty if it did not come so far.
        release_hash: Identity of the release with its switches.
        variant: Which copy of the frames was read.
        variants: Every copy that is there.
        synthetic: True for a twin.
        clips: Samples without a problem in their row.
        subjects: Subjects of those.
        counts: Samples per native emotion.
        expected: What the release counts to, empty where it does not state it.
        objective: Samples per objective class, where the annotation has them.
        expected_objective: What the release counts to, empty where it does not state it.
        corrections: Corrections that changed a row, by sample key.
        remarks: What is odd and taken as it is: no problem.
        problems: Everything that is not as released.
    """

    database: str
    root: str
    release: str = ""
    release_hash: str = ""
    variant: str = ""
    variants: tuple[str, ...] = ()
    synthetic: bool = False
    clips: int = 0
    subjects: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    expected: Mapping[str, int] = field(default_factory=dict[str, int])
    objective: Mapping[str, int] = field(default_factory=dict[str, int])
    expected_objective: Mapping[str, int] = field(default_factory=dict[str, int])
    corrections: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    remarks: tuple[Remark, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def clean(self) -> bool:
        """True if there is no problem."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "database": self.database,
            "root": self.root,
            "release": self.release,
            "release_hash": self.release_hash,
            "variant": self.variant,
            "variants": list(self.variants),
            "synthetic": self.synthetic,
            "clips": self.clips,
            "subjects": self.subjects,
            "counts": dict(self.counts),
            "expected": dict(self.expected),
            "objective": dict(self.objective),
            "expected_objective": dict(self.expected_objective),
            "corrections": {key: list(names) for key, names in self.corrections.items()},
            "remarks": [{"file": one.file, "row": one.row, "message": one.message} for one in self.remarks],
            "problems": [{"file": one.file, "row": one.row, "message": one.message} for one in self.problems],
        }


def verify(
    root: Path, database: str, *, release: str | None = None, frames: bool = True, **options: object
) -> Verification:
    """Hold one database against its release: sheet against folders, counts, action units, and every frame.

    Args:
        root: Folder of the database.
        database: Short name.
        release: Annotation release, None for the one that the files suggest.
        frames: Decode every frame of every sample; False only checks that the files are there.
        options: Further options of the loader, e.g. ``variant`` or ``apex``.

    Raises:
        DataError: No such database or release, or it has no such option.
    """
    entry = get_database(database)
    if release is not None and get_release(release).database != database:
        raise DataError(f"release {release} is not one of {database}")
    entry.check_options(options)
    try:
        scan = entry.scan(root, release=release, **options)
    except DataError as error:
        # nothing to start from: the folder itself is the problem
        missing = Problem(".", None, f"{error}{where_else(root, [database])}")
        return Verification(database=database, root=str(root), problems=(missing,))
    counts = [*scan.compare(), *_objective(scan)]
    problems = [
        *scan.problems,
        *_action_units(scan),
        *((entry.check_frames or _frames)(scan) if frames else []),
        *counts,
    ]
    stated = scan.stated
    return Verification(
        database=database,
        root=str(root),
        release=scan.release.label,
        release_hash=scan.release.hash,
        variant=scan.variant,
        variants=scan.variants,
        synthetic=scan.twin is not None,
        clips=len(scan.samples),
        subjects=len({sample.subject for sample in scan.samples}),
        counts=dict(sorted(Counter(sample.emotion for sample in scan.samples).items())),
        expected=dict(stated.expected),
        objective=dict(sorted(Counter(scan.objective.values()).items())),
        expected_objective=dict(stated.objective),
        corrections=scan.applied,
        remarks=scan.remarks,
        problems=tuple(dict.fromkeys(problems)),
    )


def verify_all(
    root: Path, *, release: str | None = None, frames: bool = True, **options: object
) -> tuple[Verification, ...]:
    """Verify every database that is recognised in a folder.

    Args:
        root: Folder of one database, or of one with several cameras.
        release: Only the database that this release is of.
        frames: As in `verify`.
        options: As in `verify`, for every database.

    Raises:
        DataError: No such folder, release or option, or nothing is recognised in it.
    """
    names = recognise(root)
    if release is not None:
        names = tuple(name for name in names if name == get_release(release).database)
    if not names:
        wanted = f"of release {release} " if release else ""
        hint = where_else(root) or "; name it with --database to see what is missing"
        raise DataError(f"{root}: no database {wanted}recognised{hint}")
    return tuple(verify(root, name, release=release, frames=frames, **options) for name in names)


def _action_units(scan: Scan) -> list[Problem]:
    problems: list[Problem] = []
    for sample in scan.samples:
        try:
            parse_action_units(sample.action_units)
        except DataError as error:
            problems.append(Problem(sample.key, None, str(error)))
    return problems


def _objective(scan: Scan) -> list[Problem]:
    """Compare the objective classes with the release, also where the emotions are read."""
    stated = scan.stated.objective
    if scan.coding == "objective" or not (stated and scan.objective):
        return []
    found = Counter(scan.objective.values())
    return [
        Problem(
            ".", None, f"clips of objective class {name}: found {found[name]}, release {scan.release.name} has {count}"
        )
        for name, count in stated.items()
        if found[name] != count
    ]


def _frames(scan: Scan) -> list[Problem]:
    problems: list[Problem] = []
    for sample in scan.samples:
        try:
            read_clip(scan.root, sample, fill=sample.key in scan.fill)
        except DataError as error:
            # readers name the file first
            file, _, message = str(error).replace(f"{scan.root}/", "").partition(": ")
            problems.append(Problem(file, None, message))
    return problems
