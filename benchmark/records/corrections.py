"""Sentences of recorded recipes that turned out to be false, and what holds instead."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from benchmark.files import load_yaml
from benchmark.places import REPORTED
from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

CORRECTIONS = "corrections.yaml"


class CorrectedSentence(Settings):
    """A sentence that records keep, because they are not changed, and what is shown for it.

    Attributes:
        recorded: As it stands among the deviations of recorded recipes.
        holds: What is true.
    """

    recorded: str
    holds: str


class Corrections(Settings):
    """All of them."""

    corrections: tuple[CorrectedSentence, ...]


def corrected(deviations: Iterable[str]) -> tuple[str, ...]:
    """Deviations of a recorded recipe as they are shown: those that are not corrected as they are recorded.

    Raises:
        DataError: The file of corrections is missing, or is not what it should be.
    """
    return tuple(_known().get(text, text) for text in deviations)


@cache
def _known() -> dict[str, str]:
    return {one.recorded: one.holds for one in load_yaml(REPORTED / CORRECTIONS, Corrections).corrections}
