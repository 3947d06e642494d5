"""What a run gave, as it is committed: a confusion matrix per tested subject, and what it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from benchmark.files import load_signed, signed, write_json
from benchmark.methods.own_code import OwnCode
from benchmark.methods.recipe import DECIDING, Paper
from benchmark.methods.recipe_files import EDITION, RECIPE_NAME
from benchmark.records.board_names import board_name, entry_name, mine, source_name, stated_protocol
from benchmark.records.clip_list import ClipList, check_matrices, check_one_list, clips_of
from benchmark.records.curves import Learning, MeanCurve  # noqa: TC001 - fields
from benchmark.records.fold import SCHEMA_VERSION, FoldAudit, Matrix, Seconds
from benchmark.records.provenance import (
    DataProvenance,  # noqa: TC001 - a field
    PretrainingRecord,  # noqa: TC001 - a field
    TuningRecord,  # noqa: TC001 - a field
)
from mer_lightning.mistakes import first_mistake
from mer_lightning.protocols import Definition, Protocol, database_of, register_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmark.records.contributed import About

SEEN = "Its values were chosen by looking at people who are tested here."


class _ChosenOn(Settings):
    model_config = ConfigDict(extra="ignore")

    databases: list[str]


class _RecordedPart(Settings):
    model_config = ConfigDict(extra="ignore")

    outside: list[OwnCode] = Field(default_factory=list)


class _RecordedRecipe(Settings):
    """What is read of a recorded recipe; settings that came later, or went, are none of its business."""

    model_config = ConfigDict(extra="ignore")

    deviations: list[str]
    paper: Paper | None = None
    unranked: str = ""
    chosen_on: _ChosenOn | None = None
    training: dict[str, Any] | None = None
    ensemble: dict[str, Any] = Field(default_factory=dict)
    parts: dict[str, _RecordedPart] = Field(default_factory=dict)
    outside: list[OwnCode] = Field(default_factory=list)


class RunRecord(Settings):
    """One method under one protocol with one seed: what a leaderboard is made of. No per-sample label is in it.

    Attributes:
        board: Id of the protocol, with ``synthetic-`` before it when the data is.
        edition: Which of several inputs of the protocol the method had, e.g. ``aligned``; mostly empty.
        definition: A user's protocol, spelt out; absent for those of the suite.
        confusion: Confusion matrix of each tested subject, rows truth.
        folds: Number of folds of the protocol.
        finished: Number of folds that are in; fewer make the run incomplete.
        failed: Held-out subjects whose fold ended in an error.
        recipe: The recipe as it was run.
        versions: Versions of the packages that decide a result.
        seconds: Sum of the folds' wall times.
        tuning: What tuning spent and promised; None for a method that was not tuned.
        audit: Audit of each fold by whom it held out; folds from before it existed are not in it.
        curve: Learning curves, mean over folds; None for methods without epochs and in records from before it existed.
        learning: How fast and how far the folds learnt; likewise.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    method: str = Field(pattern=RECIPE_NAME)
    title: str
    board: str
    edition: str = Field(default="", pattern=f"^({EDITION})?$")
    protocol: str
    protocol_version: int
    protocol_hash: str
    definition: Definition | None = None
    selection: str
    recipe_hash: str
    recipe: dict[str, Any]
    data: DataProvenance
    pretraining: PretrainingRecord | None = None
    seed: int
    classes: tuple[str, ...]
    databases: tuple[str, ...]
    folds: int = Field(gt=0)
    finished: int = Field(ge=0)
    failed: tuple[str, ...] = ()
    confusion: dict[str, Matrix]
    versions: dict[str, str]
    device: str
    seconds: Seconds
    tuning: TuningRecord | None = None
    audit: dict[str, FoldAudit] = Field(default_factory=dict)
    curve: MeanCurve | None = None
    learning: Learning | None = None
    _mine: bool = PrivateAttr(default=False)
    _apart: bool = PrivateAttr(default=False)
    _beside: bool = PrivateAttr(default=False)
    _about: About | None = PrivateAttr(default=None)
    _checked: bool = PrivateAttr(default=False)

    @field_validator("recipe")
    @classmethod
    def _check_recipe(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        try:
            _RecordedRecipe.model_validate(recipe)
        except ValidationError as error:
            raise ValueError(first_mistake(error)) from error
        return recipe

    @model_validator(mode="after")
    def _check(self) -> RunRecord:
        protocol = self.evaluation
        if self.definition and self.protocol_hash != protocol.hash:
            raise ValueError("protocol_hash: is not that of the definition")
        if self.board != (board := board_name(self.protocol, synthetic=self.data.synthetic)):
            raise ValueError(f"board: expected {board}, by protocol and data.synthetic; found '{self.board}'")
        if self.classes != protocol.scheme.classes:
            raise ValueError(f"classes: expected those of the protocol, {', '.join(protocol.scheme.classes)}")
        if strange := {*self.databases} - {*protocol.databases}:
            known = ", ".join(protocol.databases)
            raise ValueError(f"databases: the protocol has no '{min(strange)}'; expected {known}")
        if self.finished > self.folds:
            raise ValueError(f"finished: expected at most folds, {self.folds}; found {self.finished}")
        check_matrices(self.confusion, len(self.classes), "confusion")
        tested = {database_of(person) for person in self.confusion}
        if tested - {*self.databases} or (self.complete and {*self.databases} - tested):
            raise ValueError(f"confusion: expected subjects of {', '.join(self.databases)}")
        if protocol.tested and self.confusion and {*self.confusion} != {*protocol.tested}:
            raise ValueError(f"confusion: expected {', '.join(protocol.tested)}, whom the split tests")
        found = len({protocol.fold_of(person) for person in self.confusion})
        if found != self.finished:
            raise ValueError(
                f"confusion: expected a tested {protocol.held_out} for each of {self.finished} finished folds, "
                f"found {found}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        for later in ("definition", "learning"):
            if values.get(later) is None:
                # records from before it existed stay as they are
                values.pop(later, None)
        return values

    @property
    def evaluation(self) -> Protocol:
        """The protocol that it is under.

        Raises:
            DataError: It is none of the suite's, and not defined here; or there is no such selection.
        """
        return stated_protocol(self.protocol, self.definition)

    def register(self, path: Path) -> None:
        """Make the protocol known, where a user has defined it.

        Args:
            path: The file that this was read from.

        Raises:
            DataError: Another file defines the same name otherwise.
        """
        if self.definition is not None:
            register_protocol(self.definition, str(path))

    @property
    def complete(self) -> bool:
        """True when every fold of the protocol is in."""
        return self.finished == self.folds

    @property
    def entry(self) -> str:
        """What has a row of its own in a leaderboard: the method, and the edition of its input if it has one."""
        return entry_name(self.method, self.edition)

    @property
    def is_mine(self) -> bool:
        """True where it is a user's, and read beside those that are shipped."""
        return self._mine

    @property
    def contributed(self) -> About | None:
        """Who made the predictions, where others did and it was not run here."""
        return self._about

    @property
    def checked(self) -> bool:
        """True where its file had a checksum, which fits."""
        return self._checked

    @property
    def shown_on(self) -> str:
        """The leaderboard on which it is shown: its own, or one for the user's clips where those are others."""
        return mine(self.board) if self._apart else self.board

    @property
    def shown_as(self) -> str:
        """Its row there, ``mine-<entry>`` where the user's stands beside those that are shipped."""
        return mine(self.entry) if self._beside else self.entry

    @property
    def shown_title(self) -> str:
        """Title of that row; it says where code runs that the suite does not have."""
        title = f"{self.title} (mine)" if self._beside else self.title
        return f"{title} (own code)" if self.own_code else title

    def as_checked(self) -> RunRecord:
        """The same record, whose file had a checksum that fits."""
        own = self.model_copy()
        own._checked = True
        return own

    def as_mine(self, *, apart: bool = False, beside: bool = False) -> RunRecord:
        """The same record as a user's, to be read together with those that are shipped.

        Args:
            apart: It is of other clips than those of its leaderboard, and has one of its own.
            beside: It stands on one leaderboard with those that are shipped.
        """
        own = self.model_copy()
        own._mine, own._apart, own._beside = True, apart, beside
        return own

    def as_contributed(self, about: About) -> RunRecord:
        """The same record as one of predictions of others."""
        own = self.model_copy()
        own._about = about
        return own

    @property
    def clip_list(self) -> ClipList:
        """What the result is of."""
        source = source_name(self.data.source, self.data.release)
        return ClipList(
            self.board, self.entry, source, self.data.content_hash, clips_of(self.confusion), whole=self.complete
        )

    @property
    def own_code(self) -> tuple[OwnCode, ...]:
        """Code outside the suite that the method runs, its members' included."""
        recipes = (self.recipe, *self.recipe.get("parts", {}).values())
        return tuple(OwnCode.model_validate(one) for recipe in recipes for one in recipe.get("outside", ()))

    @property
    def unranked(self) -> str:
        """Why the method has no place in a table; empty for what competes."""
        # records from before these settings existed lack them
        if {*(self.recipe.get("chosen_on") or {}).get("databases", ())} & {*self.databases}:
            return SEEN
        return self.recipe.get("unranked", "")

    def matrices(self, database: str | None = None) -> NDArray[np.int64]:
        """Confusion matrices of the subjects (of one database), ``(S, C, C)``, in subject order."""
        chosen = [
            self.confusion[person]
            for person in sorted(self.confusion)
            if database is None or person.startswith(f"{database}/")
        ]
        return np.array(chosen, dtype=np.int64).reshape(-1, len(self.classes), len(self.classes))

    def result(self) -> dict[str, Any]:
        """Everything but times, device, versions and how training went: equal results mean equal science."""
        left_out: dict[str, Any] = dict.fromkeys(("seconds", "device", "versions", "curve", "learning"), True)
        left_out |= {"tuning": {"seconds"}}
        # what decides a score is in the recipe's hash, where a setting that came later and is not used does not count
        return self.model_dump(exclude=left_out | {"recipe": DECIDING - {"version"}})


def record_path(records: Path, record: RunRecord) -> Path:
    """Where a RunRecord is committed: ``<records>/<board>/<method>[@<edition>]/seed<k>.json``."""
    return records / record.board / record.entry / f"seed{record.seed}.json"


def save_run(records: Path, record: RunRecord) -> Path:
    """Write a RunRecord, unless the same result, or a complete one instead of an incomplete, is already there.

    Of the same result only what is missing there of how it learnt is added.
    """
    path = record_path(records, record)
    if path.exists():
        old = load_run(path)
        # an audit that is there already does not go because it was made again without one
        audited = record if len(record.audit) >= len(old.audit) else record.model_copy(update={"audit": old.audit})
        same = old.result() == audited.result()
        learnt = {
            key: value for key in ("curve", "learning") if (value := getattr(record, key)) and not getattr(old, key)
        }
        if (same and not learnt) or (old.complete and not record.complete):
            return path
        if same:
            record = old.model_copy(update=learnt)
    write_json(path, signed(record.model_dump()))
    return path


def load_run(path: Path) -> RunRecord:
    """Read a RunRecord.

    Raises:
        DataError: The file is not a RunRecord, has a checksum that does not fit, or defines a protocol otherwise than
            another file.
    """
    record, checked = load_signed(path, RunRecord)
    record.register(path)
    return record.as_checked() if checked else record


def load_clip_list(path: Path) -> ClipList:
    """What the RunRecord in a file is of; as ``load_run``."""
    return load_run(path).clip_list


def load_runs(records: Path) -> list[RunRecord]:
    """Read every committed RunRecord, in path order.

    Raises:
        DataError: A file is not a RunRecord or lies in a place that is not its own, or two of one leaderboard are not
            of one list of clips.
    """
    found: dict[Path, RunRecord] = {}
    for path in sorted(records.glob("*/*/*.json")):
        record = load_run(path)
        if record_path(records, record) != path:
            raise DataError(f"{path}: holds the record of {record_path(records, record)}")
        found[path] = record
    check_one_list((path, record.clip_list) for path, record in found.items())
    return list(found.values())
