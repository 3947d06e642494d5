"""Where a database has no apex, it is chosen, and the choice has a name that is recorded with the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mer_lightning.types import Sample

ApexChoice = Literal["annotated", "middle_frame", "spotted"]


def choose_apex(
    samples: Iterable[Sample], choice: ApexChoice, spotted: Mapping[str, int] | None = None
) -> tuple[Sample, ...]:
    """Give every sample without an apex one; annotated apexes stay.

    Args:
        samples: Samples with onset and offset.
        choice: ``annotated`` leaves None; ``middle_frame`` takes onset + (offset - onset) // 2; ``spotted``
            takes the frame that an apex spotter found.
        spotted: Frame number per sample key, for ``spotted``; None leaves the apex open for a representation to spot.

    Raises:
        DataError: Unknown choice, a spotted apex is missing or lies out of onset..offset.
    """
    if choice not in get_args(ApexChoice):
        raise DataError(f"apex choice '{choice}' is unknown; expected one of {', '.join(get_args(ApexChoice))}")
    if choice == "annotated" or (choice == "spotted" and spotted is None):
        return tuple(samples)
    return tuple(
        sample if sample.apex is not None else replace(sample, apex=_apex(sample, choice, spotted))
        for sample in samples
    )


def _apex(sample: Sample, choice: ApexChoice, spotted: Mapping[str, int] | None) -> int:
    if sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected an onset and an offset to choose an apex between")
    if choice == "middle_frame":
        return sample.onset + (sample.offset - sample.onset) // 2
    frame = spotted.get(sample.key) if spotted is not None else None
    if frame is None or not sample.onset <= frame <= sample.offset:
        raise DataError(f"{sample.key}: spotted apex is {frame}; expected a frame in {sample.onset}..{sample.offset}")
    return frame
