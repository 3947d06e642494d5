"""Folds as a test writes them down, by the keys of each side, and tables of a few samples."""

from mer_lightning.datamodules import PlannedTable
from mer_lightning.protocols import Fold, Labelled, People
from mer_lightning.types import person_of


def fold_of(held_out, train=(), validation=(), test=(), *, kind=Fold, **more):
    """The fold of a table whose rows are these keys, side after side."""
    people = People.of(person_of(key) for key in (*train, *validation, *test))
    first, second = len(train), len(train) + len(validation)
    rows = range(len(people.codes))
    return kind(held_out, people, rows[second:], rows[first:second], **more)


def keys_of(side, keys):
    """Keys of the rows of a side."""
    return [keys[row] for row in side]


def table_of(dataset, samples, representation, **options):
    """Samples that all have the same class."""
    return PlannedTable(dataset, Labelled(tuple(samples), (0,) * len(samples)), 1, representation, **options).get()


class KeptTable(PlannedTable):
    """A table that was made by hand: nobody could read it again."""

    def let_go(self):
        assert self.table is not None


def planned_of(table, labelled):
    """A table that is there already, and stays."""
    contents = {key: (digest, ()) for key, digest in zip(table.keys, table.contents, strict=True)}
    return KeptTable(
        None, labelled, table.classes, table.representation, holds=table.holds, contents=contents, table=table
    )
