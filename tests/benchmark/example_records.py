"""Records of invented runs: of one fold, of one method, and of methods that are right and wrong on a board."""

from benchmark.records.fold import FoldRecord, PredictionRecord, confusion_of
from benchmark.records.provenance import DataProvenance
from benchmark.records.run import RunRecord

GOOD, BAD = ((0, 0), (1, 1), (2, 2)), ((0, 0), (1, 0), (2, 0))


def fold(person="smic/s01", pairs=((0, 0), (1, 2))):
    predictions = tuple(PredictionRecord(key=f"{person}/c{i}", label=a, prediction=b) for i, (a, b) in enumerate(pairs))
    return FoldRecord(held_out=person, predictions=predictions, samples={"train": 4, "validation": 0}, seconds=1.0)


def run_record(people=("smic/s01", "smic/s02"), *, folds=2, seconds=1.0, **changes):
    confusion = changes.get("confusion") or confusion_of([fold(person) for person in people], 3)
    databases = {person.split("/")[0] for person in confusion}
    board = changes.get("board", "smic-3")
    protocol = board.removeprefix("synthetic-")
    values = {
        "run": "m--smic-3--s0--0",
        "method": "m",
        "title": "M",
        "board": board,
        "protocol": protocol,
        "protocol_version": 1,
        "protocol_hash": "a",
        "selection": "last_epoch",
        "recipe_hash": "b",
        "recipe": {"deviations": []},
        "data": DataProvenance(
            source="s", release="r", synthetic=board != protocol, table_hash="t" * 64, content_hash="c"
        ),
        "seed": 0,
        "classes": ("negative", "positive", "surprise"),
        "databases": tuple(name for name in ("smic", "casme2", "samm") if name in databases),
        "folds": folds,
        "finished": len(confusion),
        "confusion": confusion,
        "versions": {},
        "device": "CPU",
        "seconds": seconds,
    }
    return RunRecord(**values | changes)


def record(method, seed=0, pairs=GOOD, **changes):
    people = ("casme2/sub01", "smic/s01")
    return run_record(
        **{
            "method": method,
            "title": method.upper(),
            "seed": seed,
            "board": "megc2019",
            "confusion": confusion_of([fold(person, pairs) for person in people], 3),
        }
        | changes
    )
