"""What the papers print: their tables cell by cell, and the list of systems that stand in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from benchmark.boards.printed_figures import Compared, PrintedCounts, PrintedFigure, Sweep  # noqa: TC001 - of fields
from benchmark.files import load_yaml
from mer_lightning.metrics import METRICS, UF1, get_metric
from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mer_lightning.metrics import Metric

NONE_OF_OURS = "none of ours"
METHODS = "methods.yaml"
PICTURES = "pictures"
Evaluation = Literal["pooled", "subject_mean", "unknown"]
_F1 = "f1"
"""An F1 whose averaging a paper does not say; it is held against UF1."""
_COUNTED = ("parameters", "operations", "classes")
"""What follows from a network or a protocol alone."""
_TRAINING = ("epochs", "training_accuracy", "training_loss", "pretraining_accuracy")
"""What a run notes of how it learnt."""
Tier = Literal["A", "B", "C", "D"]
_DASH = "——"
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)%?")
_SCALES = {"fraction": 1.0, "percent": 100.0}


class Method(Settings):
    """One system that a paper proposes or compares with.

    Attributes:
        id: Name of its recipe, whether there is one yet or not.
        title: Name for people.
        paper: Where it was published; ``s0`` to ``s4`` are the papers whose tables are kept.
        tier: A exact from code or paper, B faithful with stated choices, C only inspired by it, D cited and not run.
        cannot_run: Why it has no recipe and gets none; empty otherwise.
        printed: False for what a paper describes, but has in no table.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    paper: str
    tier: Tier
    cannot_run: str = ""
    printed: bool = True

    @model_validator(mode="after")
    def _check(self) -> Method:
        if (self.tier == "D") != bool(self.cannot_run):
            raise ValueError(f"{self.id}: tier D and a reason under cannot_run go together")
        return self


class Methods(Settings):
    """Every system of the papers' tables, each once."""

    methods: tuple[Method, ...]

    @model_validator(mode="after")
    def _check(self) -> Methods:
        _check_once("method", [method.id for method in self.methods])
        return self


def _known(metric: str) -> str:
    known = (*(metric.name for metric in METRICS), _F1, *_COUNTED, *_TRAINING)
    if metric not in known:
        raise ValueError(f"expected one of {', '.join(known)}, found '{metric}'")
    return metric


class PrintedColumn(Settings):
    """One column of figures.

    Attributes:
        id: Key of its cells.
        title: Heading.
        metric: What the paper calls it: a score (``f1`` where the averaging is not said) or another quantity.
        unit: ``fraction`` and ``percent`` are 0..1 and 0..100.
        protocol: Ours that the figures are held against, or ``none of ours``.
        reason: Why none of ours serves.
        database: Part that is scored where a row's protocol is a composite; else not needed.
    """

    id: str
    title: str
    metric: Annotated[str, AfterValidator(_known)]
    unit: Literal["fraction", "percent", "number"]
    protocol: str
    reason: str = ""
    database: str | None = None

    @model_validator(mode="after")
    def _check(self) -> PrintedColumn:
        if (self.protocol == NONE_OF_OURS) != bool(self.reason):
            raise ValueError(f"column '{self.id}': protocol '{NONE_OF_OURS}' and a reason go together")
        if self.is_recorded != (self.protocol != NONE_OF_OURS):
            raise ValueError(
                f"column '{self.id}': {self.metric} has {'a protocol' if self.is_recorded else NONE_OF_OURS}"
            )
        if self.is_score and self.unit == "number":
            raise ValueError(f"column '{self.id}': {self.metric} is a fraction or percent")
        return self

    @property
    def is_score(self) -> bool:
        """True for what follows from a confusion matrix."""
        return self.is_recorded and self.metric not in _TRAINING

    @property
    def is_recorded(self) -> bool:
        """True for what a run's record holds: a score, or how it learnt."""
        return self.metric not in _COUNTED

    @property
    def score(self) -> Metric:
        """Ours that a score is held against."""
        return UF1 if self.metric == _F1 else get_metric(self.metric)

    def value(self, printed: str | None) -> float | None:
        """The number in a cell, scores as fractions; None where the paper prints none.

        Raises:
            ValueError: Not a number, or a score outside its range.
        """
        if printed is None or printed == _DASH:
            return None
        match = _NUMBER.fullmatch(printed)
        if match is None or (printed.endswith("%") and self.unit != "percent"):
            raise ValueError(f"column '{self.id}': expected a number in {self.unit} or {_DASH}, found '{printed}'")
        number = float(match[1]) / _SCALES.get(self.unit, 1.0)
        if self.unit != "number" and number > 1:
            raise ValueError(f"column '{self.id}': '{printed}' is more than 1 as a {self.unit}")
        if number < (self.score.least if self.is_score else 0):
            raise ValueError(f"column '{self.id}': '{printed}' is less than {self.metric} can be")
        return number


class PrintedRow(Settings):
    """One row as printed.

    Attributes:
        name: Method as the paper writes it, with a translation.
        method: Id of ours in ``methods.yaml``.
        cells: By column, the digits as printed; ``——`` where the paper has a dash, null where a figure is only drawn.
        evaluation: Where it differs from the table's.
        protocol: Where the figures belong to another of ours than the column says.
        note: What a reader must know about the row.
        notes: The same about single cells, by column.
    """

    name: str
    method: str
    cells: dict[str, str | None]
    evaluation: Evaluation | None = None
    protocol: str | None = None
    note: str = ""
    notes: dict[str, str] = Field(default_factory=dict)


class PrintedTable(Settings):
    """One table, or a figure with numbers.

    Attributes:
        number: As the paper counts it.
        caption: What is compared, in our words.
        split: Who is trained on and who is tested, as far as the paper says.
        evaluation: How accuracy is averaged: over all clips, over subjects, or not stated.
        columns: Columns of figures.
        rows: Rows, in printed order.
        note: What holds for the whole table.
        sweep: How its rows are drawn as a curve; None for a table that is none.
        bars: Whether its rows are drawn as bars.
        compared: Pairs of rows of which the paper says that one is better.
    """

    number: str
    caption: str
    split: str
    evaluation: Evaluation
    columns: tuple[PrintedColumn, ...] = Field(min_length=1)
    rows: tuple[PrintedRow, ...] = Field(min_length=1)
    note: str = ""
    sweep: Sweep | None = None
    bars: bool = False
    compared: tuple[Compared, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> PrintedTable:
        columns = {column.id: column for column in self.columns}
        names = [row.name for row in self.rows]
        for pair in self.compared:
            if strange := {pair.more, pair.less} - {*names}:
                raise ValueError(f"{self.number}, compared: no row '{min(strange)}'; expected {', '.join(names)}")
        _check_once("column", [column.id for column in self.columns])
        _check_once("row", [row.name for row in self.rows])
        for row in self.rows:
            try:
                _check_row(row, columns)
                if self.sweep:
                    self.sweep.value(row.name)
            except ValueError as error:
                raise ValueError(f"{self.number}, row '{row.name}': {error}") from error
        return self

    def evaluation_of(self, row: PrintedRow) -> Evaluation:
        """How the accuracy of a row is averaged."""
        return row.evaluation or self.evaluation

    def place(self, row: PrintedRow, column: PrintedColumn) -> tuple[str, str | None] | None:
        """Protocol of ours that a cell is held against, and the database if it is one part of a composite."""
        if not column.is_recorded:
            return None
        name = row.protocol or column.protocol
        return name, column.database if len(get_protocol(name).counts) > 1 else None


class PrintedPaper(Settings):
    """All tables of one paper.

    Attributes:
        id: The file's own name, ``s0`` ...
        title: In English.
        authors: Family names first.
        venue: Journal, volume and pages.
        year: Of publication.
        note: Where the paper contradicts itself, or does not say enough.
        caveats: By protocol of ours, how it differs from what the paper did.
        tables: Tables in printed order.
        counts: Tables and figures of how many clips there are.
        figures: The other figures, and tables without scores.
    """

    id: str = Field(pattern=r"^s\d$")
    title: str
    authors: str
    venue: str
    year: int = Field(ge=1990)
    note: str
    caveats: dict[str, str]
    tables: tuple[PrintedTable, ...] = Field(min_length=1)
    counts: tuple[PrintedCounts, ...] = ()
    figures: tuple[PrintedFigure, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> PrintedPaper:
        cells = [(table, row, column) for table in self.tables for row in table.rows for column in table.columns]
        used = {row.protocol or column.protocol for _, row, column in cells if column.is_recorded}
        for name in sorted({*used, *self.caveats}):
            get_protocol(name)
        for table, row, column in cells:
            if column.is_recorded:
                _check_database(table, row, column)
        if missing := used - self.caveats.keys():
            raise ValueError(f"caveats: say how {min(missing)} differs from what the paper did")
        if extra := self.caveats.keys() - used:
            raise ValueError(f"caveats: no cell is held against {min(extra)}")
        return self


@dataclass(frozen=True, slots=True)
class ReportedTables:
    """Everything that the papers print.

    Attributes:
        methods: Every system, by id, in the order of the file.
        papers: The papers, in order.
    """

    methods: dict[str, Method]
    papers: tuple[PrintedPaper, ...]


def load_reported(folder: Path) -> ReportedTables:
    """Read ``methods.yaml`` and ``papers/*.yaml``.

    Args:
        folder: ``leaderboards/reported``; without papers in it the result is empty.

    Raises:
        DataError: A file is not what it should be, a row names a method that ``methods.yaml`` lacks, or a printed
            method stands in no table.
    """
    paths = sorted((folder / "papers").glob("*.yaml"))
    if not paths:
        return ReportedTables({}, ())
    papers = tuple(load_yaml(path, PrintedPaper, id=path.stem) for path in paths)
    methods = {method.id: method for method in load_methods(folder)}
    printed: set[str] = set()
    for path, paper in zip(paths, papers, strict=True):
        for table in paper.tables:
            for row in table.rows:
                if row.method not in methods:
                    raise DataError(f"{path}: {table.number}, row '{row.name}': {METHODS} has no method '{row.method}'")
                printed.add(row.method)
        _check_figures(paper, path, methods, folder / PICTURES)
    for method in methods.values():
        if method.printed != (method.id in printed):
            found = "stands in a table" if method.id in printed else "stands in no table"
            raise DataError(
                f"{folder / METHODS}: {method.id}: printed is {str(method.printed).lower()}, but it {found}"
            )
    return ReportedTables(methods, papers)


def load_methods(folder: Path) -> tuple[Method, ...]:
    """Every system of the papers' tables, in the order of ``methods.yaml``.

    Raises:
        DataError: The file is missing or not what it should be.
    """
    return load_yaml(folder / METHODS, Methods).methods


def _check_figures(paper: PrintedPaper, path: Path, methods: dict[str, Method], pictures: Path) -> None:
    for figure in paper.figures:
        if strange := {*figure.methods} - methods.keys():
            raise DataError(f"{path}: {figure.number}: {METHODS} has no method '{min(strange)}'")
        for shot in figure.shots:
            if not (pictures / shot.file).is_file():
                raise DataError(f"{path}: {figure.number}: no picture {pictures / shot.file}")


def _check_once(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} '{name}' is given twice")


def _check_row(row: PrintedRow, columns: dict[str, PrintedColumn]) -> None:
    for kind, keys in (("cells", set(row.cells)), ("notes", set(row.notes))):
        if strange := keys - columns.keys():
            raise ValueError(f"{kind}: no column '{min(strange)}'; expected {', '.join(columns)}")
    if missing := columns.keys() - row.cells.keys():
        raise ValueError(f"cells: '{min(missing)}' is missing; write null where the paper prints none")
    for key, printed in row.cells.items():
        columns[key].value(printed)


def _check_database(table: PrintedTable, row: PrintedRow, column: PrintedColumn) -> None:
    name = row.protocol or column.protocol
    databases = get_protocol(name).counts
    if len(databases) > 1 and column.database is None:
        raise ValueError(f"{table.number}, column '{column.id}': which database of {name}?")
    if column.database not in {None, *databases}:
        raise ValueError(f"{table.number}, column '{column.id}': {name} has no database {column.database}")
