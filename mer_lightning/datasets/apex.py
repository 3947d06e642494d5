"""Where a database has no apex, it is chosen, and the choice has a name that is recorded with the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mer_lightning.types import Sample

ApexChoice = Literal["middle_frame", "spotted"]


def choose_apex(samples: Iterable[Sample], choice: ApexChoice) -> tuple[Sample, ...]:
    """Give every sample without an apex one; annotated apexes stay.

    Args:
        samples: Samples with onset and offset.
        choice: ``middle_frame`` takes onset + (offset - onset) // 2; ``spotted`` leaves the apex open, and whatever
            needs one spots it.

    Raises:
        DataError: Unknown choice, or a sample without onset or offset.
    """
    if choice not in get_args(ApexChoice):
        raise DataError(f"apex choice '{choice}' is unknown; expected one of {', '.join(get_args(ApexChoice))}")
    if choice == "spotted":
        return tuple(samples)
    return tuple(sample if sample.apex is not None else replace(sample, apex=_middle(sample)) for sample in samples)


def _middle(sample: Sample) -> int:
    if sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected an onset and an offset to choose an apex between")
    return sample.onset + (sample.offset - sample.onset) // 2
