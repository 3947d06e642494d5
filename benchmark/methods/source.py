"""Where a suite's samples come from: invented ones, folders of flow maps, or the databases."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from benchmark.methods.data_root import data_root
from benchmark.methods.own_data import (
    check_own_database,
    check_subjects,
    open_own_clips,
    open_own_maps,
    own_clip_problems,
    read_own_clips,
    registered_among,
)
from benchmark.methods.recipe_files import EDITION
from mer_lightning.datasets.clips import ClipApex  # noqa: TC001 - a field
from mer_lightning.datasets.registry import find_databases, get_database, open_database, where_else
from mer_lightning.protocols import scored_databases
from mer_lightning.settings import Seed, Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mer_lightning.datasets.frames import FrameDataset
    from mer_lightning.faces.aligned import AlignedFrames
    from mer_lightning.types import Dataset

COMPOSITE = ("smic", "casme2", "samm")
"""The databases of MEGC2019, whose protocols pick and count its clips."""
_OWN = {"clips": ("database", "apex"), "flow-folders": ("database", "labels", "subjects")}
"""Sources of a user's own data, and keys that belong to them alone."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is of a source, and what keeps it from being opened.

    Attributes:
        parts: The whole under an empty name where nothing is wrong, else the databases that could be opened.
        problems: Everything that is wrong, one line each.
    """

    parts: Mapping[str, Dataset]
    problems: tuple[str, ...]


class DatabaseChoice(Settings):
    """What a database leaves open: which coding, which copy of the frames, which apex.

    Attributes:
        release: Annotation release, maybe with corrections switched; the newest sheet found when absent.
        coding: For CASME II and SAMM: the estimated ``emotion`` (also when absent) or the ``objective`` class.
        variant: Copy of the frames, e.g. ``raw``; ``cropped`` where there is one when absent.
        apex: For SMIC, which is released without: ``middle_frame`` (also when absent), ``spotted``, or ``sheet`` for a
            column that others have added. For every database: ``file`` for the apexes of its ``apexes.csv``.
        scale: Size of its twin, where it is not that of all; of ``twins`` alone.
    """

    release: str | None = None
    coding: Literal["emotion", "objective"] | None = None
    variant: str | None = None
    apex: Literal["middle_frame", "spotted", "sheet", "file"] | None = None
    scale: float | None = Field(default=None, gt=0, le=1)

    @property
    def of_files(self) -> dict[str, str]:
        """What it chooses among what lies in files, by name."""
        return self.model_dump(exclude_none=True, exclude={"scale"})


class Source(Settings):
    """Where a suite's samples come from.

    Attributes:
        name: ``synthetic-video``, ``synthetic-flow`` and ``twins`` (of the databases named below, face crops whose apex
            is known) need no files; ``megc2019-flow`` needs a folder of flow maps, and so does ``flow-folders``,
            of any subjects and labels; ``clips`` needs a table of clips, see ``mer_lightning.datasets.clips``;
            ``megc2019`` (the composite of SMIC, CASME II and SAMM) and ``databases`` (those named below, side by side)
            need the folder that holds them: ``--data``, else ``MER_DATA``, else the user's configuration file.
        scale: Size of synthetic data relative to the official one.
        seed: Seed of synthetic data.
        faces: ``as_released`` reads the databases' own crops where they have them; ``aligned`` warps every clip by its
            database's landmark file, ``<folder of the database>/landmarks-<variant>.csv``, or by the file that a table
            of clips names. CK+, where a method is pre-trained on it, is cut or aligned by the landmarks that are
            released with it.
        databases: Choices per database; those of ``ckplus`` and ``fer2013`` are of pre-training alone.
        without_data: What happens where no data folder is named: an ``error``, or the databases' synthetic ``twins``
            (face crops whose apex is known) take their place, on boards that say so.
        database: Of ``clips``: database of rows that name none, which is else called as the table is; of
            ``flow-folders``: that of all subjects.
        apex: Of ``clips``: what takes the place of an apex that is not annotated, ``middle_frame`` (also when absent)
            or ``spotted``.
        labels: Of ``flow-folders``: label by the name of its folder.
        subjects: Of ``flow-folders`` instead of ``database``: regular expression of subjects' folders by database.
        edition: Short name of an input that is not the usual one of its protocols; results of each edition have rows
            and records of their own.
    """

    name: Literal[
        "synthetic-video",
        "synthetic-flow",
        "twins",
        "megc2019-flow",
        "megc2019",
        "databases",
        "clips",
        "flow-folders",
    ]
    scale: float = Field(default=1.0, gt=0, le=4)
    seed: Seed = 0
    faces: Literal["as_released", "aligned"] = "as_released"
    databases: dict[str, DatabaseChoice] = Field(default_factory=dict)
    without_data: Literal["error", "twins"] = "error"
    database: str = ""
    apex: ClipApex | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    subjects: dict[str, str] = Field(default_factory=dict)
    edition: str = Field(default="", pattern=f"^({EDITION})?$")

    @field_validator("databases")
    @classmethod
    def _check_databases(cls, chosen: dict[str, DatabaseChoice]) -> dict[str, DatabaseChoice]:
        for name in chosen:
            get_database(name)
        return chosen

    @model_validator(mode="after")
    def _check(self) -> Source:
        framed = self.name in {"megc2019", "databases"}
        self._check_twins()
        if not framed and (self.databases or self.without_data != "error") and self.name != "twins":
            raise ValueError(f"{self.name} reads no database; databases and without_data do not apply to it")
        if not framed and self.name != "clips" and self.faces != "as_released":
            raise ValueError(f"{self.name} reads no database; faces does not apply to it")
        if self.name in _OWN and (given := sorted({"scale", "seed"} & self.model_fields_set)):
            raise ValueError(f"{given[0]} does not apply to {self.name}, which invents nothing")
        self._check_own()
        if self.name in {"databases", "twins"} and not self._targets:
            raise ValueError(f"databases: expected at least one of {', '.join(scored_databases())}")
        usual = self.name == "clips" or (
            self.faces == "as_released"
            and not any(
                choice.variant or choice.apex or ":" in (choice.release or "") for choice in self.databases.values()
            )
        )
        if not usual and not self.edition:
            raise ValueError(
                "edition: expected a short name, since faces, variant, apex or corrections are not the usual ones"
            )
        return self

    def _check_twins(self) -> None:
        for database, choice in self.databases.items():
            if self.name == "twins" and (given := sorted(choice.model_fields_set - {"release", "scale"})):
                raise ValueError(f"databases.{database}: {given[0]} does not apply to twins, which have no files")
            if self.name != "twins" and choice.scale is not None:
                raise ValueError(f"databases.{database}: scale does not apply to {self.name}")
        if self.name == "twins" and self.without_data != "error":
            raise ValueError("without_data does not apply to twins, which have no files")

    def _check_own(self) -> None:
        for key in ("database", "apex", "labels", "subjects"):
            if getattr(self, key) and key not in _OWN.get(self.name, ()):
                raise ValueError(f"{key} does not apply to {self.name}")
        if self.database:
            check_own_database(self.database)
        if self.name == "flow-folders":
            if not self.labels:
                raise ValueError(
                    "labels: expected the label of every folder of labels, e.g. {0: negative, 1: positive}"
                )
            known = registered_among(check_subjects(self.subjects, self.database))
            if known and not self.edition:
                raise ValueError(f"edition: expected a short name, since maps are not the usual input of {known[0]}")

    @property
    def _targets(self) -> dict[str, DatabaseChoice]:
        return {name: choice for name, choice in self.databases.items() if not get_database(name).pretraining}

    def open(self, data: Path | None) -> Dataset:
        """Open the dataset.

        Args:
            data: Folder with the data, for sources that need one.

        Raises:
            DataError: The folder is not given, not needed, or not what it should be.
        """
        if self.name in {"synthetic-video", "synthetic-flow", "twins"} and data is not None:
            raise DataError(f"--data {data}: this suite invents its data; choose a suite that reads a folder")
        if self.name in {"megc2019", "databases"}:
            return self._open_root(data_root(data))
        if self.name == "twins":
            return self._twins()
        if self.name == "synthetic-video":
            from mer_lightning.synthetic.composite import SyntheticComposite

            return SyntheticComposite(self.scale, self.seed)
        if self.name == "synthetic-flow":
            from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite

            return SyntheticFlowComposite(self.scale, self.seed)
        if self.name == "clips":
            return open_own_clips(read_own_clips(data, self.database), self.apex, aligned=self.faces == "aligned")
        return self._open_maps(data)

    def _open_maps(self, data: Path | None) -> Dataset:
        from mer_lightning.datasets.flow_folders import FlowFolders

        if self.name == "flow-folders":
            return open_own_maps(data, self.labels, check_subjects(self.subjects, self.database))
        if data is None:
            raise DataError(f"--data: {self.name} needs the folder with <subject>/u_test/<label>/<clip>.png")
        return FlowFolders(data)

    def _open_root(self, root: Path | None) -> Dataset:
        if root is None and self.without_data == "twins":
            return self._twins()
        if root is None:
            raise DataError(f"--data: {self.name} needs the folder that holds the databases; see mer-bench data list")
        return self._open_databases(root)

    def open_pretraining(self, database: Literal["ckplus", "fer2013"], data: Path | None) -> Dataset:
        """Open a database of other people: its twin where the samples are invented.

        Args:
            database: Which one.
            data: Folder with the data, as for ``open``.

        Raises:
            DataError: It is not there, or not what it should be; or this source has maps, which no such database has.
        """
        from mer_lightning.synthetic.composite import SyntheticDatabase, SyntheticStills

        if self.name in {"synthetic-flow", "megc2019-flow", "flow-folders"}:
            raise DataError(f"{self.name} has maps alone; a method that is pre-trained on {database} needs frames")
        # a table of clips holds no other database
        root = None if self.name in {"synthetic-video", "twins"} else data_root(None if self.name == "clips" else data)
        if root is None and self.name == "clips":
            raise DataError(f"{database}: no data root holds it; set MER_DATA, since --data names the table of clips")
        if root is None:
            scale = min(self._scale(database), 1.0)
            if database == "fer2013":
                return SyntheticStills(scale, self.seed)
            return SyntheticDatabase(database, scale=scale, seed=self.seed)
        folder = _folders(root, [database])[database]
        options = {} if database == "fer2013" else {"frames": "sequence"}
        return self._open_database(database, folder, **options)

    def look(self, data: Path | None) -> Survey:
        """Open each database by itself, and list all that is wrong, of which ``open`` says the first; reads no frame.

        Args:
            data: Folder with the data, as for ``open``.
        """
        try:
            if self.name == "clips":
                return self._look_at_clips(data)
            root = data_root(data) if self.name in {"megc2019", "databases"} else None
            if root is None:
                return Survey({"": self.open(data)}, ())
            places = _places(root, COMPOSITE if self.name == "megc2019" else self.databases)
        except DataError as error:
            return Survey({}, (str(error),))
        found: dict[str, Dataset] = {}
        problems: list[str] = []
        for database, folders in places.items():
            try:
                folder = _only(root, database, folders)
                found[database] = self._open_database(database, folder)
            except DataError as error:
                listed = [] if len(folders) != 1 else self._problems(database, folders[0])
                problems += [f"{database}: {problem}" for problem in listed] or [str(error)]
        if not problems:
            try:
                return Survey({"": self._open_databases(root)}, ())
            except DataError as error:
                problems.append(str(error))
        return Survey(found, tuple(problems))

    def _look_at_clips(self, data: Path | None) -> Survey:
        aligned, table = self.faces == "aligned", read_own_clips(data, self.database)
        if problems := own_clip_problems(table, aligned=aligned):
            return Survey({}, tuple(problems))
        return Survey({"": open_own_clips(table, self.apex, aligned=aligned)}, ())

    def _problems(self, database: str, folder: Path) -> list[str]:
        """Everything that is wrong with a database that cannot be opened."""
        from mer_lightning.faces.aligned import landmark_problems

        entry = get_database(database)
        known = inspect.signature(entry.scanner).parameters
        options = {key: value for key, value in self._choice(database).of_files.items() if key in known}
        try:
            scan = entry.scan(folder, **options)
        except DataError as error:
            return [str(error)]
        problems = [str(problem) for problem in (*scan.problems, *scan.compare())]
        return problems + (landmark_problems(scan, folder) if self.faces == "aligned" else [])

    def _choice(self, database: str) -> DatabaseChoice:
        return self.databases.get(database, DatabaseChoice())

    def _scale(self, database: str) -> float:
        """Size of the twin of a database."""
        return self._choice(database).scale or self.scale

    def _twins(self) -> Dataset:
        from mer_lightning.datasets.union import Union
        from mer_lightning.synthetic.composite import SyntheticComposite, SyntheticDatabase

        if self.name == "megc2019":
            return SyntheticComposite(self.scale, self.seed)
        return Union(
            *(
                SyntheticDatabase(name, release=choice.release, scale=self._scale(name), seed=self.seed)
                for name, choice in self._targets.items()
            )
        )

    def _open_databases(self, root: Path) -> Dataset:
        from mer_lightning.datasets.union import Union

        folders = _folders(root, COMPOSITE if self.name == "megc2019" else self._targets)
        return Union(*(self._open_database(database, folder) for database, folder in folders.items()))

    def _open_database(self, name: str, folder: Path, **options: str) -> FrameDataset | AlignedFrames:
        if name == "ckplus" and self.faces == "aligned":
            # its crops are cut when they are read, and what is aligned is the picture
            options = {"variant": "raw"} | options
        frames = open_database(name, folder, **options | self._choice(name).of_files)
        if self.faces == "as_released" or name == "fer2013":
            # whose stills are faces
            return frames
        from mer_lightning.faces.aligned import AlignedFrames, find_landmarks

        return AlignedFrames(frames, find_landmarks(frames, folder))


def _folders(root: Path, wanted: Iterable[str]) -> dict[str, Path]:
    """The folder of each database under a data root, in the order in which they are wanted."""
    places = _places(root, wanted)
    if missing := [database for database, folders in places.items() if not folders]:
        raise DataError(_unrecognised(root, missing))
    return {database: _only(root, database, folders) for database, folders in places.items()}


def _places(root: Path, wanted: Iterable[str]) -> dict[str, list[Path]]:
    """The folders of each database under a data root, in the order in which they are wanted."""
    places: dict[str, list[Path]] = {database: [] for database in wanted}
    for database, folder in find_databases(root):
        if database in places:
            places[database].append(folder)
    return places


def _only(root: Path, database: str, folders: list[Path]) -> Path:
    if not folders:
        raise DataError(_unrecognised(root, [database]))
    if len(folders) > 1:
        names = " and in ".join(folder.name for folder in folders)
        raise DataError(
            f"{root}: {database} lies in {names}; expected one folder: put copies of one database into a folder of "
            f"their own, or name a data folder with one of them"
        )
    return folders[0]


def _unrecognised(root: Path, missing: Sequence[str]) -> str:
    hint = where_else(root, missing) or f"; see mer-bench data list --data {root}"
    return f"{root}: {', '.join(missing)} not recognised in it{hint}"
