"""The protocols of the suite, by name, and those that a user has defined beside them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mer_lightning.mistakes import unknown
from mer_lightning.protocols.definition import OWN_NAME, Definition, definition_of, difference
from mer_lightning.protocols.fold import Fold, InnerFold, People, PretrainingFold, Rows, fold_seed, rows_of
from mer_lightning.protocols.protocol import (
    PARTS,
    HeldOut,
    Labelled,
    Protocol,
    Selection,
    database_of,
    pretraining_fold,
    split_inside,
)
from mer_lightning.protocols.schemes import CASME2_5, MEGC2019, OBJECTIVE_5, SAMM_5, LabelScheme
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "OWN_NAME",
    "PARTS",
    "PROTOCOLS",
    "Definition",
    "Fold",
    "HeldOut",
    "InnerFold",
    "LabelScheme",
    "Labelled",
    "People",
    "PretrainingFold",
    "Protocol",
    "Rows",
    "Selection",
    "database_of",
    "definition_of",
    "fold_seed",
    "get_protocol",
    "own_protocols",
    "pretraining_fold",
    "register_protocol",
    "rows_of",
    "scored_databases",
    "split_inside",
]


# clips that are negative, positive, surprise, and subjects, in the official list of 442
_COUNTS = {"smic": (70, 51, 43), "casme2": (88, 32, 25), "samm": (92, 26, 15)}
_SUBJECTS = {"smic": 16, "casme2": 24, "samm": 28}
_LEFT_OUT = {
    "casme2/sub04/EP12_01f": "the official list leaves it out; the sheet has no apex for it",
    "casme2/sub05/EP09_05f": "the official list leaves it out; its apex is its onset",
    **dict.fromkeys(
        ("casme2/sub24/EP07_01", "casme2/sub24/EP07_04f", "casme2/sub24/EP10_03"),
        "the official list leaves it out; the sheets of 2014 and 2019 code it differently",
    ),
}

# clips of the objective classes I to V, and subjects, of MEGC 2018
_COUNTS_2018 = {"casme2": (25, 15, 99, 26, 20), "samm": (24, 13, 20, 8, 3)}
_SUBJECTS_2018 = {"casme2": 26, "samm": 21}


def _single(name: str, database: str, title: str) -> Protocol:
    """The composite's list of one database, trained and tested within it: not the composite's column."""
    return Protocol(
        name=name,
        version=1,
        title=f"{title}, 3 classes, single database",
        scheme=MEGC2019,
        counts={database: _COUNTS[database]},
        subjects={database: _SUBJECTS[database]},
        left_out=_LEFT_OUT,
    )


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="megc2019",
            version=1,
            title="MEGC2019 composite, 3 classes",
            scheme=MEGC2019,
            counts=_COUNTS,
            subjects=_SUBJECTS,
            left_out=_LEFT_OUT,
        ),
        Protocol(
            name="megc2019-holdout",
            version=1,
            title="MEGC2019 databases, 3 classes, train on two and test on the third",
            scheme=MEGC2019,
            counts=_COUNTS,
            subjects=_SUBJECTS,
            left_out=_LEFT_OUT,
            held_out="database",
        ),
        Protocol(
            name="megc2019-441",
            version=1,
            title="MEGC2019 composite, 3 classes, list of 441",
            scheme=MEGC2019,
            counts=_COUNTS | {"samm": (91, 26, 15)},
            subjects=_SUBJECTS,
            left_out=_LEFT_OUT | {"samm/032/032_3_1": "the list of 441 leaves it out; its apex is no frame of it"},
        ),
        _single("smic-3", "smic", "SMIC-HS"),
        _single("casme2-3", "casme2", "CASME II"),
        _single("samm-3", "samm", "SAMM"),
        Protocol(
            name="casme2-5",
            version=2,
            title="CASME II, 5 classes",
            scheme=CASME2_5,
            counts={"casme2": (32, 63, 27, 28, 99)},
            subjects={"casme2": 26},
        ),
        Protocol(
            name="casme2-5-2014",
            version=1,
            title="CASME II, 5 classes, coding of 2014",
            scheme=CASME2_5,
            counts={"casme2": (32, 63, 27, 25, 99)},
            subjects={"casme2": 26},
        ),
        Protocol(
            name="samm-5",
            version=2,
            title="SAMM, 5 classes",
            scheme=SAMM_5,
            counts={"samm": (57, 26, 26, 15, 12)},
            subjects={"samm": 27},
        ),
        Protocol(
            name="megc2018",
            version=1,
            title="MEGC2018 composite, 5 objective classes",
            scheme=OBJECTIVE_5,
            counts=_COUNTS_2018,
            subjects=_SUBJECTS_2018,
        ),
        Protocol(
            name="megc2018-holdout",
            version=1,
            title="MEGC2018 databases, 5 objective classes, train on one and test on the other",
            scheme=OBJECTIVE_5,
            counts=_COUNTS_2018,
            subjects=_SUBJECTS_2018,
            held_out="database",
        ),
    )
}
"""Every protocol by name, each under its usual selection: the last epoch predicts."""


@dataclass
class _Own:
    """What users' protocols are known: definition and the file that it is from, by name."""

    known: dict[str, tuple[Protocol, str]]


_own = _Own({})


@contextmanager
def own_protocols() -> Generator[None]:
    """No protocol of a user's is known when this begins, nor when it has ended what was registered meanwhile."""
    before, _own.known = _own.known, {}
    try:
        yield
    finally:
        _own.known = before


def register_protocol(definition: Definition, where: str) -> Protocol:
    """Make a user's protocol known under its name.

    Args:
        definition: What it is.
        where: The file that says so, for messages.

    Returns:
        The protocol, as it is known from now on.

    Raises:
        DataError: The suite has one of this name, or another file defines it otherwise.
    """
    name = definition.name
    if name in PROTOCOLS:
        raise DataError(f"{where}: the suite has a protocol {name}; give yours another name")
    protocol = definition.protocol()
    known, place = _own.known.setdefault(name, (protocol, where))
    if differs := difference(protocol, known):
        raise DataError(
            f"{where}: protocol {name} is not that of {place}: they differ in {differs}; give one of them another "
            "name, or move the records of one to another folder"
        )
    return known


def scored_databases() -> tuple[str, ...]:
    """Databases that a protocol scores, in the order in which protocols name them."""
    return tuple(dict.fromkeys(database for protocol in PROTOCOLS.values() for database in protocol.counts))


def get_protocol(name: str, definition: Definition | None = None) -> Protocol:
    """Find a protocol by its id, ``<name>`` or ``<name>+<selection>``.

    Args:
        name: Its id.
        definition: What a record says of a protocol of a user's own, which need not be known then.

    Raises:
        DataError: No such protocol or selection, or the definition is that of another one.
    """
    base, _, selection = name.partition("+")
    if definition is not None and definition.name != base:
        raise DataError(f"definition.name: expected {base}, as the protocol is called")
    known = (
        {base: definition.protocol()}
        if definition
        else PROTOCOLS | {own: protocol for own, (protocol, _) in _own.known.items()}
    )
    if base not in known:
        raise DataError(unknown("protocol", name, known))
    protocol = known[base]
    return replace(protocol, selection=selection) if selection else protocol  # pyright: ignore[reportArgumentType]
