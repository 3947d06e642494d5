"""What records hold of one cell of a paper's table: on recorded people and, never mixed with it, on invented ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.evidence.statistics import Score
from benchmark.methods.budget import SHORT
from benchmark.methods.recipe_files import recipe_files
from benchmark.records.board_names import board_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmark.boards.reported import Evaluation, PrintedColumn, PrintedRow, PrintedTable
    from benchmark.records.network_sizes import NetworkSize
    from benchmark.records.run import RunRecord

NOT_RUN = "not run"
_PLACES = {"parameters (millions)": "parameters", "operations (billions)": "operations"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """All records that pages may show.

    Attributes:
        runs: By leaderboard and method, then by edition of the input.
        networks: Counts of networks, by method.
        shortened: Methods that have a shortened form, run or not.
    """

    runs: Mapping[tuple[str, str], Mapping[str, Sequence[RunRecord]]]
    networks: Mapping[str, NetworkSize]
    shortened: frozenset[str]

    def invented(self, method: str) -> str:
        """What stands for a method on invented people: its shortened form, where it has one."""
        return f"{method}{SHORT}" if method in self.shortened else method

    def of(self, protocol: str, method: str, *, synthetic: bool) -> Mapping[str, Sequence[RunRecord]]:
        """Records of a method under a protocol, by edition; on invented people those of what stands for it."""
        method = self.invented(method) if synthetic else method
        return self.runs.get((board_name(protocol, synthetic=synthetic), method), {})

    def whole(self, protocol: str, method: str) -> Mapping[str, Sequence[RunRecord]]:
        """Records on invented people of a method itself, where its shortened form stands for it."""
        if method not in self.shortened:
            return {}
        return self.runs.get((board_name(protocol, synthetic=True), method), {})


def arrange(records: Sequence[RunRecord], networks: Mapping[str, NetworkSize]) -> Recorded:
    """Put records in order; of a row a user's records instead of shipped ones."""
    runs: dict[tuple[str, str], dict[str, list[RunRecord]]] = defaultdict(lambda: defaultdict(list))
    mine = {(record.board, record.entry) for record in records if record.is_mine}
    for record in records:
        if record.is_mine or (record.board, record.entry) not in mine:
            runs[record.board, record.method][record.edition].append(record)
    names = {name for name, file in recipe_files().items() if not file.of} | {record.method for record in records}
    shortened = frozenset(name.removesuffix(SHORT) for name in names if name.endswith(SHORT))
    return Recorded({key: dict(found) for key, found in runs.items()}, networks, shortened)


def cell_text(
    editions: Mapping[str, Sequence[RunRecord]], column: PrintedColumn, database: str | None, evaluation: Evaluation
) -> str:
    """A cell as it is printed: mean over seeds, how far an incomplete run is, or that there is none."""
    texts: list[str] = []
    for edition, records in sorted(editions.items()):
        unfinished = [f"incomplete {run.finished}/{run.folds}" for run in records if not run.complete]
        text = ", ".join(unfinished) or written(score_of(records, column, database, evaluation), column)
        texts.append(f"{text} ({edition})" if edition else text)
    return "; ".join(texts) or NOT_RUN


def score_of(
    records: Sequence[RunRecord], column: PrintedColumn, database: str | None, evaluation: Evaluation
) -> Score | None:
    """Mean over seeds; None where the records do not hold it."""
    values = [value_of(run, column, database, evaluation) for run in records]
    known = [value for value in values if value is not None]
    return Score.over(known) if known and len(known) == len(values) else None


def value_of(run: RunRecord, column: PrintedColumn, database: str | None, evaluation: Evaluation) -> float | None:
    """What one run has in a column, scores as fractions; None where its record does not hold it."""
    if column.is_score:
        matrices = run.matrices(database)
        if column.metric == "accuracy" and evaluation == "subject_mean":
            return float(column.score.pooled(matrices).mean())
        return float(column.score.pooled(matrices.sum(0)))
    if column.metric == "pretraining_accuracy":
        return run.pretraining and run.pretraining.validation_accuracy
    return _learnt(run, column.metric)


def _learnt(run: RunRecord, metric: str) -> float | None:
    learning = run.learning
    if learning is not None:
        found = {"epochs": learning.epochs, "training_accuracy": learning.accuracy, "training_loss": learning.loss}
        return found[metric]
    # older records have the mean curve, whose end is the mean of the ends
    name = {"training_accuracy": "train_accuracy", "training_loss": "train_loss"}.get(metric)
    values = run.curve.values.get(name, ()) if run.curve and name else ()
    return values[-1] if values else None


def written(score: Score | None, column: PrintedColumn) -> str:
    """A score in the unit of its column."""
    if score is None:
        return "not kept"
    if column.unit == "fraction":
        return str(score)
    scale, digits = (100, 2) if column.unit == "percent" else (1, 3 if column.metric == "training_loss" else 2)
    spread = "" if score.spread is None else f" ± {scale * score.spread:.{digits}f}"
    return f"{scale * score.mean:.{digits}f}{spread}"


def counted(method: str, column: PrintedColumn, networks: Mapping[str, NetworkSize]) -> str:
    """What a network's count gives for a column that needs no data; a dash where nothing was counted."""
    network = networks.get(method)
    found = [f.ours for f in network.figures if _PLACES.get(f.quantity) == column.metric] if network else []
    return found[0] if found else "–"


def compared(
    table: PrintedTable,
    pair: tuple[PrintedRow, PrintedRow],
    column: PrintedColumn,
    recorded: Recorded,
    *,
    synthetic: bool,
    printed: float | None = None,
) -> str:
    """By how much a row exceeds another on the seeds that both have, and whether it does as printed.

    Args:
        table: Whose rows these are.
        pair: The row that should be better, and the other.
        column: Where.
        recorded: All records.
        synthetic: On invented people.
        printed: The printed difference; None where the figures are only drawn, and the first should be better.
    """
    found: list[dict[int, float]] = []
    for row in pair:
        place = table.place(row, column)
        editions = recorded.of(place[0], row.method, synthetic=synthetic) if place else {}
        runs = [run for run in editions.get("", ()) if run.complete]
        values = {run.seed: value_of(run, column, place[1], table.evaluation_of(row)) for run in runs} if place else {}
        found.append({seed: value for seed, value in values.items() if value is not None})
    more, less = found
    differences = [more[seed] - less[seed] for seed in sorted(more.keys() & less.keys())]
    if not differences:
        return NOT_RUN
    score = Score.over(differences)
    text = written(score, column)
    ahead = sum(value > 0 for value in differences)
    behind = printed is not None and printed < 0
    holds = "holds" if (score.mean < 0 if behind else score.mean > 0) else "**does not hold**"
    sign = "+" if score.mean >= 0 else ""
    return f"{sign}{text} ({holds}; ahead in {ahead} of {len(differences)} seed{'s' * (len(differences) > 1)})"
