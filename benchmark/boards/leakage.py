"""The page on leaks: a pure function of the committed studies and of what others found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmark.boards.leakage_figure import draw_leaks
from benchmark.boards.tables import metric_columns, template
from benchmark.evidence.habits import HABITS, NUMBERS, gaps, load_leaks, noise_of
from benchmark.evidence.statistics import Score
from benchmark.files import load_yaml
from benchmark.records.board_names import board_title, is_synthetic, protocol_of
from mer_lightning.metrics import METRICS, UF1, uf1
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.evidence.habits import LeakRecord
    from mer_lightning.metrics import Metric

ELSEWHERE = "elsewhere.yaml"
COUNTERPARTS = {
    "honest": "the run itself, pooled",
    "scaled_apart": "standardised by the training side of each fold",
    "augmented_inside": "copies of the training side only",
}
"""What stands beside a habit, by ``Habit.beside``."""
PICTURE = (
    "Honest beside leaky UF1 of every habit, and what choosing among more candidates gives, "
    "with random guesses beside it"
)
"""The picture of a board in words."""
_CHOSEN = {"test_oracle", "best_common"}
_UNITS = {"epoch": "epochs", "C": "values of C", None: "none"}


class FoundElsewhere(Settings):
    """The size of a habit as somebody else found it.

    Attributes:
        habit: Name of one of ours, or ``noise``.
        method: Our recipe of the method, or ``any``.
        board: Leaderboard with the same protocol.
        what: How it was found: candidates, settings.
        honest, leaky: UF1 without and with the habit.
        source: Where it is from.
        why: What makes ours another size.
    """

    habit: str
    method: str
    board: str
    what: str
    honest: float = Field(ge=0, le=1)
    leaky: float = Field(ge=0, le=1)
    source: str
    why: str


class Elsewhere(Settings):
    """Everything found elsewhere."""

    rows: tuple[FoundElsewhere, ...]


@dataclass(frozen=True, slots=True)
class HabitRow:
    """One habit of one method, over seeds: scores by metric, and candidates in words."""

    entry: str
    title: str
    name: str
    habit: str
    candidates: str
    honest: dict[str, Score]
    leaky: dict[str, Score]

    @property
    def gap(self) -> float:
        """Leaky less honest UF1."""
        return self.leaky[UF1.name].mean - self.honest[UF1.name].mean


@dataclass(frozen=True, slots=True)
class LeakBoard:
    """All studies under one protocol.

    Attributes:
        id: Leaderboard.
        title: Heading; says synthetic where it is.
        picture: Name of the picture beside the page.
        svg: The picture.
        rows: Habits by method.
        numbers: Numbers of candidates on the curves.
        curves: Title -> UF1 by number of candidates, random guesses first; empty cells where there are fewer.
        elsewhere: What others found under the same protocol, with our gap, if that habit was tried here.
        data: How the studies were made, a line each.
    """

    id: str
    title: str
    picture: str
    svg: str
    rows: tuple[HabitRow, ...]
    numbers: tuple[int, ...]
    curves: dict[str, tuple[float | None, ...]]
    elsewhere: tuple[tuple[FoundElsewhere, float | None], ...]
    data: tuple[str, ...]


def load_leak_boards(leaderboards: Path, mine: Sequence[LeakRecord] = ()) -> list[LeakBoard]:
    """Group the studies of ``leaks/`` by leaderboard, real data first.

    Args:
        leaderboards: Folder with ``leaks/``.
        mine: A user's studies beside them.

    Raises:
        DataError: A study, or what was found elsewhere, is not what it should be.
    """
    folder = leaderboards / "leaks"
    grouped: dict[str, list[LeakRecord]] = defaultdict(list)
    for record in (*load_leaks(folder), *mine):
        grouped[record.honest.shown_on].append(record)
    if not grouped:
        return []
    elsewhere = _found_elsewhere(folder / ELSEWHERE)
    # real data first, and composites before their parts
    order = sorted(grouped, key=lambda b: (is_synthetic(b), len(grouped[b][0].honest.databases) == 1, b))
    return [
        _leak_board(name, grouped[name], elsewhere, "leakage.svg" if name == order[0] else f"leakage-{name}.svg")
        for name in order
    ]


def render_leaks(leaderboards: Path, boards: Sequence[LeakBoard], metrics: Sequence[Metric] = ()) -> dict[Path, str]:
    """Render the page and its pictures; nothing where there is no study.

    Args:
        leaderboards: Folder that the files belong into.
        boards: From ``load_leak_boards``.
        metrics: Scores of the tables; empty for those of every table.
    """
    if not boards:
        return {}
    given: dict[str, Any] = {"boards": boards, "habits": HABITS, "counterparts": COUNTERPARTS, "picture": PICTURE}
    given |= metric_columns(metrics)
    files = {leaderboards / board.picture: board.svg for board in boards}
    return files | {leaderboards / "leakage.md": template("leakage.md.j2").render(**given)}


def _found_elsewhere(path: Path) -> tuple[FoundElsewhere, ...]:
    if not path.exists():
        return ()
    rows = load_yaml(path, Elsewhere).rows
    known = {habit.name for habit in HABITS} | {"noise"}
    for place, row in enumerate(rows):
        if row.habit not in known:
            raise DataError(f"{path}: rows.{place}.habit: expected one of {', '.join(sorted(known))}")
        try:
            protocol_of(row.board)
        except DataError as error:
            raise DataError(f"{path}: rows.{place}.board: {error}") from error
    return rows


def _leak_board(
    name: str, records: Sequence[LeakRecord], elsewhere: Sequence[FoundElsewhere], picture: str
) -> LeakBoard:
    methods: dict[str, list[LeakRecord]] = defaultdict(list)
    for record in records:
        methods[record.honest.shown_as].append(record)
    rows = tuple(row for own in methods.values() for row in _habit_rows(own))
    noise: dict[int, float] = dict(zip(NUMBERS, noise_of(records[0]), strict=True))
    curves: dict[str, dict[int, float]] = {"Random guesses": noise}
    for own in methods.values():
        if own[0].best_of:
            curves[f"{own[0].honest.shown_title}, last n epochs"] = {
                best.number: Score.over([float(uf1(record.best_of[place].confusion)) for record in own]).mean
                for place, best in enumerate(own[0].best_of)
            }
    numbers = tuple(sorted({number for curve in curves.values() for number in curve}))
    ours = {(row.name, row.entry): row.gap for row in rows}
    return LeakBoard(
        id=name,
        title=board_title(name),
        picture=picture,
        svg=draw_leaks(records),
        rows=rows,
        numbers=numbers,
        curves={title: tuple(curve.get(number) for number in numbers) for title, curve in curves.items()},
        elsewhere=tuple(
            (row, _noise_gap(noise) if row.habit == "noise" else ours.get((row.habit, row.method)))
            for row in elsewhere
            if row.board == name
        ),
        data=tuple(
            f"{own[-1].honest.shown_title}: {', '.join(f'seed {record.honest.seed}' for record in own)}, run on "
            f"{own[-1].honest.device}, data list {own[-1].honest.data.table_hash[:10]}"
            for own in methods.values()
        ),
    )


def _noise_gap(noise: dict[int, float]) -> float:
    return noise[max(noise)] - noise[min(noise)]


def _habit_rows(records: Sequence[LeakRecord]) -> list[HabitRow]:
    """Habits of one method that all its seeds have tried."""
    studied = [{gap.habit.name: gap for gap in gaps(record)} for record in records]
    last, names = records[-1], [metric.name for metric in METRICS]
    return [
        HabitRow(
            entry=last.honest.shown_as,
            title=last.honest.shown_title,
            name=habit.name,
            habit=habit.title,
            candidates=f"{last.number} {_UNITS[last.candidates]}" if habit.outcome in _CHOSEN else "",
            honest={name: Score.over([own[habit.name].honest[name] for own in studied]) for name in names},
            leaky={name: Score.over([own[habit.name].leaky[name] for own in studied]) for name in names},
        )
        for habit in HABITS
        if all(habit.name in own for own in studied)
    ]
