"""What a leaderboard is called: as its protocol, with ``synthetic-`` before it where nobody was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from mer_lightning.protocols import Protocol

_SYNTHETIC = "synthetic-"


def board_name(protocol: str, *, synthetic: bool) -> str:
    """Leaderboard of the results under a protocol, given by its id, on recorded or on invented people."""
    return f"{_SYNTHETIC}{protocol}" if synthetic else protocol


def is_synthetic(board: str) -> bool:
    """True where nobody was recorded."""
    return board.startswith(_SYNTHETIC)


def protocol_of(board: str) -> Protocol:
    """The protocol that every result of a leaderboard is under.

    Raises:
        DataError: There is no such protocol.
    """
    return get_protocol(board.removeprefix(_SYNTHETIC))


def board_title(board: str) -> str:
    """Heading of a leaderboard; says synthetic where it is.

    Raises:
        DataError: There is no such protocol.
    """
    title = protocol_of(board).title
    return f"Synthetic data: {title}" if is_synthetic(board) else title
