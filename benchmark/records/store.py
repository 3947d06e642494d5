"""What was done on this machine: the records of all folds, a folder per run."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from benchmark.files import load_json, write_json
from benchmark.records.board_names import protocol_of
from benchmark.records.fold import FoldRecord
from benchmark.records.run import PretrainingRecord
from mer_lightning.protocols import Definition  # noqa: TC001 - a field
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mer_lightning.protocols import Protocol


class RunManifest(Settings):
    """What a run folder is, written before its first fold, so that ``status`` needs no recipe and no data.

    Attributes:
        definition: A user's protocol, spelt out; absent for those of the suite.
    """

    run: str
    method: str
    board: str
    seed: int
    folds: int
    definition: Definition | None = None

    @property
    def evaluation(self) -> Protocol:
        """The protocol that it is under.

        Raises:
            DataError: It is not known.
        """
        return protocol_of(self.board, self.definition)


class Store:
    """The local records of all runs, one folder each: ``<root>/<run>/folds/<subject>.json``.

    A file is written beside its place and renamed, so that it is there whole or not at all, whoever is killed when
    and however many processes write.

    Args:
        root: Folder of all runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, run: str) -> Path:
        """Folder of one run."""
        return self.root / run

    def begin(self, manifest: RunManifest) -> None:
        """Make the run's folder known."""
        write_json(self.folder(manifest.run) / "run.json", manifest.model_dump(exclude_none=True))

    def save_fold(self, run: str, record: FoldRecord) -> None:
        """Keep a finished fold and forget an earlier error of it."""
        path = self.fold_path(run, record.held_out)
        write_json(path, record.model_dump(), indent=None)
        path.with_suffix(".error.json").unlink(missing_ok=True)

    def save_pretraining(self, run: str, record: PretrainingRecord) -> None:
        """Keep what the folds of a run start from."""
        write_json(self.folder(run) / "pretraining.json", record.model_dump())

    def pretraining(self, run: str) -> PretrainingRecord | None:
        """What the folds of a run started from; None where nothing was pre-trained.

        Raises:
            DataError: The file is there and something else.
        """
        path = self.folder(run) / "pretraining.json"
        return load_json(path, PretrainingRecord) if path.exists() else None

    def save_error(self, run: str, held_out: str, message: str, details: str) -> None:
        """Keep why a fold failed; it still counts as missing."""
        path = self.fold_path(run, held_out).with_suffix(".error.json")
        write_json(path, {"held_out": held_out, "message": message, "details": details})

    def folds(self, run: str) -> dict[str, FoldRecord]:
        """Finished folds by held-out subject; a file that is not the record of its fold counts as missing."""
        paths = sorted((self.folder(run) / "folds").glob("*.json"))
        records = [_fold_at(path) for path in paths if not path.name.endswith(".error.json")]
        return {record.held_out: record for record in records if record is not None}

    def fold(self, run: str, held_out: str) -> FoldRecord | None:
        """One finished fold; None while it is missing."""
        return _fold_at(self.fold_path(run, held_out))

    def done(self, run: str) -> set[str]:
        """Held-out subjects that have a fold record, by file name alone: quick, for a look at many runs."""
        names = (path.name for path in (self.folder(run) / "folds").glob("*.json"))
        return {name.removesuffix(".json").replace("--", "/") for name in names if not name.endswith(".error.json")}

    def errors(self, run: str) -> dict[str, str]:
        """Message of each failed fold by held-out subject, as the file is called; empty where it cannot be read."""
        errors: dict[str, str] = {}
        for path in sorted((self.folder(run) / "folds").glob("*.error.json")):
            try:
                message = str(json.loads(path.read_text(encoding="utf-8"))["message"])
            except (OSError, ValueError, KeyError, TypeError):
                message = ""
            errors[path.name.removesuffix(".error.json").replace("--", "/")] = message
        return errors

    def manifests(self) -> Iterator[RunManifest]:
        """Every run that was ever begun here.

        Raises:
            DataError: A ``run.json`` is not the manifest of the run that its folder is called after.
        """
        for path in sorted(self.root.glob("*/run.json")):
            try:
                manifest = RunManifest.model_validate_json(path.read_bytes())
            except (OSError, ValidationError) as error:
                raise DataError(f"{path}: not the manifest of a run; remove its folder, or run it again") from error
            if manifest.run != path.parent.name:
                raise DataError(f"{path}: is of run '{manifest.run}'; expected that of its folder")
            yield manifest

    def fold_path(self, run: str, held_out: str) -> Path:
        """Where a fold of a run is kept."""
        return self.folder(run) / "folds" / f"{held_out.replace('/', '--')}.json"


def _fold_at(path: Path) -> FoldRecord | None:
    with contextlib.suppress(ValidationError, OSError):
        record = FoldRecord.model_validate_json(path.read_bytes())
        return record if record.held_out.replace("/", "--") == path.stem else None
    return None
