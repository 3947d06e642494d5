"""What was done on this machine: the records of all folds, a folder per run."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from benchmark.files import load_signed, signed, write_json
from benchmark.records.board_names import protocol_of
from benchmark.records.fold import FoldRecord
from benchmark.records.provenance import PretrainingRecord
from mer_lightning.protocols import Definition  # noqa: TC001 - a field
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mer_lightning.protocols import Protocol

_LOG = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of a run.

    Attributes:
        folds: Finished folds by held-out subject.
        damaged: One line for each file that is not the record of its fold as it was written; its fold is missing.
        unchecked: Number of folds whose files have no checksum: they are from before there were any.
    """

    folds: dict[str, FoldRecord]
    damaged: tuple[str, ...]
    unchecked: int


class Store:
    """The local records of all runs, one folder each: ``<root>/<run>/folds/<subject>.json``.

    A file is written beside its place and renamed, so that it is there whole or not at all, whoever is killed when
    and however many processes write. The record of a fold carries a checksum over what it says and whose it is; one
    that does not fit is named in the log, once, and its fold counts as missing.

    Args:
        root: Folder of all runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._named: set[str] = set()

    def folder(self, run: str) -> Path:
        """Folder of one run."""
        return self.root / run

    def begin(self, manifest: RunManifest) -> None:
        """Make the run's folder known."""
        write_json(self.folder(manifest.run) / "run.json", manifest.model_dump(exclude_none=True))

    def save_fold(self, run: str, record: FoldRecord) -> None:
        """Keep a finished fold and forget an earlier error of it."""
        path = self.fold_path(run, record.held_out)
        write_json(path, signed(record.model_dump(), run), indent=None)
        path.with_suffix(".error.json").unlink(missing_ok=True)

    def save_pretraining(self, run: str, record: PretrainingRecord) -> None:
        """Keep what the folds of a run start from."""
        write_json(self.folder(run) / "pretraining.json", signed(record.model_dump(), run))

    def pretraining(self, run: str) -> PretrainingRecord | None:
        """What the folds of a run started from; None where nothing was pre-trained.

        Raises:
            DataError: The file is there and something else.
        """
        path = self.folder(run) / "pretraining.json"
        return load_signed(path, PretrainingRecord, run)[0] if path.exists() else None

    def save_error(self, run: str, held_out: str, message: str, details: str) -> None:
        """Keep why a fold failed; it still counts as missing."""
        path = self.fold_path(run, held_out).with_suffix(".error.json")
        write_json(path, {"held_out": held_out, "message": message, "details": details})

    def folds(self, run: str) -> dict[str, FoldRecord]:
        """Finished folds by held-out subject; a file that is not the record of its fold counts as missing."""
        kept = self.kept(run)
        for line in kept.damaged:
            self._name(line)
        return kept.folds

    def kept(self, run: str) -> Kept:
        """Finished folds, and what is wrong with files that are none."""
        folds: dict[str, FoldRecord] = {}
        damaged: list[str] = []
        unchecked = 0
        for path in sorted((self.folder(run) / "folds").glob("*.json")):
            if path.name.endswith(".error.json"):
                continue
            try:
                record, checked = _fold_at(path, run)
            except DataError as error:
                damaged.append(str(error))
            else:
                folds[record.held_out] = record
                unchecked += not checked
        return Kept(folds, tuple(damaged), unchecked)

    def fold(self, run: str, held_out: str) -> FoldRecord | None:
        """One finished fold; None while it is missing."""
        path = self.fold_path(run, held_out)
        if not path.exists():
            return None
        try:
            return _fold_at(path, run)[0]
        except DataError as error:
            self._name(str(error))
            return None

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
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
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

    def strays(self) -> list[str]:
        """One line for each folder with records of folds that does not say of which run they are."""
        found = sorted(path.parent for path in self.root.glob("*/folds"))
        runs = {path.name for path in found if (path / "run.json").is_file()}
        # what a leak study fits beside a run lies beside it, under a longer name
        return [
            f"{path / 'run.json'}: is gone, and {len(self.done(path.name))} folds with it; the same run again writes it"
            for path in found
            if path.name not in runs and not any(path.name.startswith(f"{run}--") for run in runs)
        ]

    def weights(self) -> list[Path]:
        """Files of weights that runs start from, and of networks that were trained again to be explained."""
        return sorted([*self.root.glob("pretrained/*.safetensors"), *self.root.glob("*/weights/*.safetensors")])

    def fold_path(self, run: str, held_out: str) -> Path:
        """Where a fold of a run is kept."""
        return self.folder(run) / "folds" / f"{held_out.replace('/', '--')}.json"

    def _name(self, line: str) -> None:
        if line not in self._named:
            self._named.add(line)
            _LOG.warning("%s; the fold counts as missing", line)


def _fold_at(path: Path, run: str) -> tuple[FoldRecord, bool]:
    record, checked = load_signed(path, FoldRecord, run)
    if record.held_out.replace("/", "--") != path.stem:
        raise DataError(f"{path}: is of {record.held_out}; expected the fold that it is called after")
    return record, checked
