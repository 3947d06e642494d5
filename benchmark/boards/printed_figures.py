"""What papers print beside tables of scores: counts of clips, and figures with what stands for each here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Settings

ALL_CLASSES = "all"


class Sweep(Settings):
    """How the rows of a table are drawn as a curve: each row is called ``<axis> = <number>``.

    Attributes:
        axis: What is changed, e.g. ``N``.
        best: The value that the paper found best.
    """

    axis: str
    best: float

    def value(self, row: str) -> float:
        """The number of a row.

        Raises:
            ValueError: It is called otherwise.
        """
        name, _, number = row.partition(" = ")
        if name != self.axis:
            raise ValueError(f"expected a row '{self.axis} = <number>', found '{row}'")
        return float(number)


class Compared(Settings):
    """Two rows whose difference the paper argues with.

    Attributes:
        more: Name of the row that is its own, or has more in it.
        less: Name of the other.
    """

    more: str
    less: str


class CountedColumn(Settings):
    """One database of a table of counts.

    Attributes:
        title: Heading.
        protocol: Ours whose clips stand beside what is printed.
        database: Of that protocol.
    """

    title: str
    protocol: str
    database: str

    @model_validator(mode="after")
    def _check(self) -> CountedColumn:
        if self.database not in get_protocol(self.protocol).counts:
            raise ValueError(f"column '{self.title}': {self.protocol} has no database {self.database}")
        return self


class CountedRow(Settings):
    """One class of a table of counts.

    Attributes:
        name: As the paper writes it, with a translation.
        cells: As printed, one per column.
        label: Class of ours, or ``all``; empty for what is no count of clips.
    """

    name: str
    cells: tuple[str, ...]
    label: str = ""


class PrintedCounts(Settings):
    """A table, or a figure, of how many clips there are.

    Attributes:
        number: As the paper counts it.
        caption: What is counted, in our words.
        columns: Databases.
        rows: In printed order.
        note: What a reader must know.
    """

    number: str
    caption: str
    columns: tuple[CountedColumn, ...] = Field(min_length=1)
    rows: tuple[CountedRow, ...] = Field(min_length=1)
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> PrintedCounts:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{self.number}, row '{row.name}': expected {len(self.columns)} cells, one per column")
            for column in self.columns:
                classes = get_protocol(column.protocol).scheme.classes
                if row.label not in ("", ALL_CLASSES, *classes):
                    known = ", ".join((*classes, ALL_CLASSES))
                    raise ValueError(f"{self.number}, row '{row.name}': expected one of {known}, found '{row.label}'")
        return self

    def ours(self, row: CountedRow, column: CountedColumn) -> int | None:
        """Clips of ours in a cell; None where it counts none."""
        protocol = get_protocol(column.protocol)
        counts = protocol.counts[column.database]
        if row.label in ("", ALL_CLASSES):
            return sum(counts) if row.label else None
        return counts[protocol.scheme.classes.index(row.label)]


class Shot(Settings):
    """A picture that a command made of an invented face.

    Attributes:
        file: Its name in ``leaderboards/reported/pictures``.
        title: What it shows.
        command: Which command made it.
    """

    file: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.png$")
    title: str
    command: str


class PrintedFigure(Settings):
    """A figure, or a table without scores, and what stands for it here.

    Attributes:
        number: As the paper counts it.
        shows: What is in it, in our words.
        here: Where that is built, stated or made again.
        drawn: What is drawn of records: ``learning``, training accuracy of two folds; ``confusion``, matrices.
        methods: Of which methods.
        protocol: Under which protocol.
        shots: Pictures of invented faces.
    """

    number: str
    shows: str
    here: str
    drawn: Literal["", "learning", "confusion"] = ""
    methods: tuple[str, ...] = ()
    protocol: str = ""
    shots: tuple[Shot, ...] = ()

    @field_validator("protocol")
    @classmethod
    def _check_protocol(cls, name: str) -> str:
        if name:
            get_protocol(name)
        return name

    @model_validator(mode="after")
    def _check(self) -> PrintedFigure:
        if bool(self.drawn) != bool(self.methods) or bool(self.drawn) != bool(self.protocol):
            raise ValueError(f"{self.number}: drawn, methods and protocol go together")
        return self
