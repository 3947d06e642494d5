"""Records of methods that are right, and of ones that are not."""

from benchmark.records import confusion_of
from tests.benchmark.test_records import fold, run_record

GOOD, BAD = ((0, 0), (1, 1), (2, 2)), ((0, 0), (1, 0), (2, 0))


def record(method, seed=0, pairs=GOOD, **changes):
    people = ("casme2/sub01", "smic/s01")
    return run_record(
        **{
            "method": method,
            "title": method.upper(),
            "seed": seed,
            "board": "megc2019",
            "databases": ("smic", "casme2"),
            "confusion": confusion_of([fold(person, pairs) for person in people], 3),
        }
        | changes
    )
