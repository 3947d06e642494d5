"""What others predicted, as it is kept: who and how, and a confusion matrix per subject; no label of any clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from benchmark.files import load_signed, signed, write_json
from benchmark.records.board_names import board_name, stated_protocol
from benchmark.records.clip_list import check_matrices
from benchmark.records.fold import SCHEMA_VERSION, Matrix
from mer_lightning.protocols import Definition, register_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mer_lightning.protocols import Protocol

UNCHECKED = "Its folds were not run here; what is tested is the list of this leaderboard."
_EPOCHS = {
    "honest": "Its epoch was not chosen on the tested subject, as its authors say.",
    "test": "Its epoch was chosen on the tested subject.",
    "unknown": "How its epoch was chosen is not stated.",
}
_HELD = {
    "clips": "Held against the official list clip by clip.",
    "subjects": "Held against the official list by the clips of each class of every subject.",
    "counts": "Held against the official list by its counts alone, since nothing was run on it here.",
}


def _plain_line(text: str) -> str:
    # it stands in tables of Markdown, LaTeX and HTML
    if not text.isprintable() or any(sign in text for sign in "|<>`"):
        raise ValueError("expected one line of text without | < > and `")
    return text


Line = Annotated[str, Field(max_length=500), AfterValidator(_plain_line)]
_Said = Annotated[Line, Field(min_length=1)]
_Address = Annotated[str, Field(pattern=r"^(https?://[^\s|<>`\"']+)?$", max_length=500)]


class About(Settings):
    """Who made predictions, and how; one YAML file.

    Attributes:
        name: Short name; that of its row is ``contributed-<name>``.
        title: Name in tables.
        authors: Who made them.
        selection: How the epoch was chosen: never looking at the tested subject (``honest``), by its score (``test``),
            or not stated.
        input: What the method saw, e.g. which frames and which flow.
        paper: Where the method was published: title, venue, year.
        url: Address of that.
        code: Address of the code.
        notes: What a reader must know.
        contact: Whom to ask; kept in the record and shown nowhere.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    title: _Said
    authors: _Said
    selection: Literal["honest", "test", "unknown"]
    input: _Said
    paper: Line = ""
    url: _Address = ""
    code: _Address = ""
    notes: Line = ""
    contact: Line = ""

    @property
    def source(self) -> str:
        """Where it comes from, in short."""
        return ", ".join(filter(None, (self.paper, self.url))) or self.code or self.authors


class ContributedRecord(Settings):
    """Predictions of others under one protocol.

    Attributes:
        board: Leaderboard whose list they are of.
        definition: A user's protocol, spelt out; absent for those of the suite.
        about: Who and how.
        confusion: Confusion matrix of each tested subject, rows truth.
        predictions_hash: SHA-256 of the file of predictions.
        table_hash: SHA-256 of keys and labels, as in records of runs; empty where the file names no clips.
        held_by: How the file was held against the list: ``clips``, each of which is on it; ``subjects``, who have as
            many of each class; ``counts``, where there was no run to hold it against.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    board: str
    protocol: str
    protocol_version: int
    protocol_hash: str
    definition: Definition | None = None
    about: About
    classes: tuple[str, ...]
    databases: tuple[str, ...]
    confusion: dict[str, Matrix]
    predictions_hash: str = Field(pattern="^[0-9a-f]{64}$")
    table_hash: str = Field(pattern="^([0-9a-f]{64})?$")
    held_by: Literal["clips", "subjects", "counts"]

    @model_validator(mode="after")
    def _check(self) -> ContributedRecord:
        protocol = self.evaluation
        if self.definition and self.protocol_hash != protocol.hash:
            raise ValueError("protocol_hash: is not that of the definition")
        if self.board != (board := board_name(self.protocol, synthetic=False)):
            raise ValueError(f"board: expected {board}, by protocol; found '{self.board}'")
        if self.classes != protocol.scheme.classes:
            raise ValueError(f"classes: expected those of the protocol, {', '.join(protocol.scheme.classes)}")
        if self.databases != (databases := protocol.tested_databases):
            raise ValueError(f"databases: expected those of the protocol, {', '.join(databases)}")
        check_matrices(self.confusion, len(self.classes), "confusion")
        if {person.split("/")[0] for person in self.confusion} != {*self.databases}:
            raise ValueError(f"confusion: expected subjects of {', '.join(self.databases)}")
        if protocol.tested and {*self.confusion} != {*protocol.tested}:
            raise ValueError(f"confusion: expected {', '.join(protocol.tested)}, whom the split tests")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if values.get("definition") is None:
            # as in records of runs
            values.pop("definition", None)
        return values

    @property
    def evaluation(self) -> Protocol:
        """The protocol that it is under.

        Raises:
            DataError: It is none of the suite's, and not defined here.
        """
        return stated_protocol(self.protocol, self.definition)

    @property
    def said(self) -> tuple[str, ...]:
        """What stands below every table."""
        about = self.about
        return (
            f"Contributed by {about.authors}.",
            *([f"{', '.join(filter(None, (about.paper, about.url)))}."] if about.paper or about.url else []),
            *([f"Code: {about.code}."] if about.code else []),
            f"Input: {about.input.rstrip('.')}.",
            _EPOCHS[about.selection],
            _HELD[self.held_by],
            *([about.notes] if about.notes else []),
        )


def contributed_path(folder: Path, record: ContributedRecord) -> Path:
    """Where it lies: ``<folder>/<board>/<name>.json``."""
    return folder / record.board / f"{record.about.name}.json"


def save_contributed(folder: Path, record: ContributedRecord, *, replace: bool = False) -> Path:
    """Write a ContributedRecord.

    Args:
        folder: Folder of all of them.
        record: What to write.
        replace: Take the place of another of its name.

    Raises:
        DataError: Another of its name is there.
    """
    path = contributed_path(folder, record)
    if path.exists() and not replace:
        if load_contributed_file(path) == record:
            return path
        raise DataError(
            f"{path}: '{record.about.name}' is contributed already, with other predictions or another description; "
            "expected another name, or --replace"
        )
    write_json(path, signed(record.model_dump()))
    return path


def load_contributed(folder: Path) -> list[ContributedRecord]:
    """Read every ContributedRecord of a folder, in path order; none where there is no such folder.

    Raises:
        DataError: A file is not one, or lies in a place that is not its own.
    """
    found: list[ContributedRecord] = []
    for path in sorted(folder.glob("*/*.json")):
        record = load_contributed_file(path)
        if contributed_path(folder, record) != path:
            raise DataError(f"{path}: holds what belongs into {contributed_path(folder, record)}")
        found.append(record)
    return found


def load_contributed_file(path: Path) -> ContributedRecord:
    """Read one ContributedRecord.

    Raises:
        DataError: The file is not one, or defines a protocol otherwise than another file.
    """
    record, _ = load_signed(path, ContributedRecord)
    if record.definition is not None:
        register_protocol(record.definition, str(path))
    return record
