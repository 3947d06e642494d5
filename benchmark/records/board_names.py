"""What a leaderboard, its rows and its data are called.

``synthetic-`` stands before a leaderboard where nobody was recorded, and before that ``mine-`` where a user's results
are of other clips than those that are shipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.methods.protocol_files import find_protocol
from mer_lightning.protocols import PROTOCOLS, get_protocol
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from mer_lightning.protocols import Definition, Protocol

_SYNTHETIC = "synthetic-"
_MINE = "mine-"


def board_name(protocol: str, *, synthetic: bool) -> str:
    """Leaderboard of the results under a protocol, given by its id, on recorded or on invented people."""
    return f"{_SYNTHETIC}{protocol}" if synthetic else protocol


def entry_name(method: str, edition: str) -> str:
    """What has a row of its own in a leaderboard: a method, and the edition of its input if it has one."""
    return f"{method}@{edition}" if edition else method


def mine(name: str) -> str:
    """What is a user's own among what is shipped: ``mine-<board>``; of a row ``mine-<entry>``."""
    return f"{_MINE}{name}"


def contributed(name: str) -> str:
    """The method of a row that others contributed: ``contributed-<name>``."""
    return f"contributed-{name}"


def shipped_board(board: str) -> str:
    """The leaderboard that is shipped of the same protocol, recorded or invented likewise."""
    return board.removeprefix(_MINE)


def source_name(dataset: str, release: str) -> str:
    """Where the samples of a result come from."""
    return f"{dataset}, release {release}"


def is_synthetic(board: str) -> bool:
    """True where nobody was recorded."""
    return shipped_board(board).startswith(_SYNTHETIC)


def protocol_of(board: str, definition: Definition | None = None) -> Protocol:
    """The protocol that every result of a leaderboard is under.

    Args:
        board: The leaderboard.
        definition: What a record says of a protocol of a user's own, which need not be known then.

    Raises:
        DataError: There is no such protocol.
    """
    name = shipped_board(board).removeprefix(_SYNTHETIC)
    return get_protocol(name, definition) if definition else find_protocol(name)


def stated_protocol(name: str, definition: Definition | None) -> Protocol:
    """The protocol that a record is under, by what it says itself.

    Args:
        name: Id of the protocol.
        definition: What the record says of a protocol of a user's own.

    Raises:
        DataError: It is none of the suite's, and not defined; or there is no such selection.
    """
    base = name.partition("+")[0]
    if definition is None and base not in PROTOCOLS:
        raise DataError(f"protocol '{base}' is unknown; the suite has none of this name, and no definition is here")
    return get_protocol(name, definition)


def protocol_title(board: str) -> str:
    """What a leaderboard is of, with the rule that selects the epoch where it is not the usual one.

    Raises:
        DataError: There is no such protocol.
    """
    protocol = protocol_of(board)
    usual = protocol.selection == "last_epoch"
    return protocol.title if usual else f"{protocol.title}, epoch selected by {protocol.selection}"


def board_title(board: str) -> str:
    """Heading of a leaderboard; says synthetic where it is.

    Raises:
        DataError: There is no such protocol.
    """
    own = "" if board == shipped_board(board) else ", my clips"
    return f"{'Synthetic data: ' if is_synthetic(board) else ''}{protocol_title(board)}{own}"
