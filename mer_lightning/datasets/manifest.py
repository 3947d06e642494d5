"""How a folder says that it is a synthetic twin, so that no number made from it passes for a real one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, NonNegativeInt, ValidationError

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mer_lightning.datasets.annotation import AnnotationRelease

MANIFEST = "SYNTHETIC.json"
_LARGEST = 1 << 20


class _Manifest(BaseModel):
    counts: dict[str, NonNegativeInt] = {}


@dataclass(frozen=True, slots=True)
class Twin:
    """What a twin's manifest states.

    Attributes:
        counts: Clips per native emotion; empty where it does not state them.
        clips: Clips in all, None where it does not state them.
    """

    counts: Mapping[str, int]
    clips: int | None = None

    def release(self, release: AnnotationRelease) -> AnnotationRelease | None:
        """The release with the twin's own counts, None where it does not state them."""
        if self.clips is None:
            return None
        return replace(release, counts=self.counts, clips=self.clips, subjects=None, objective={}, parts={})


def read_twin(root: Path) -> Twin | None:
    """Read the manifest in the root, or in a folder up to three levels above or below it; None if there is none.

    Raises:
        DataError: The manifest is not what it should be.
    """
    path = next((path for path in _places(root) if path.is_file()), None)
    if path is None:
        return None
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path}: expected the manifest of a synthetic twin, found more than {_LARGEST} bytes")
    try:
        counts = _Manifest.model_validate_json(path.read_bytes()).counts
    except ValidationError as error:
        raise DataError(f"{path}: expected the manifest of a synthetic twin ({error.errors()[0]['msg']})") from None
    return Twin(counts=counts, clips=sum(counts.values()) if counts else None)


def _places(root: Path) -> Iterator[Path]:
    # a twin must not pass for real data because someone points at a part of it
    yield from (folder / MANIFEST for folder in (root, *root.parents[:3]))
    for below in ("*", "*/*", "*/*/*"):
        yield from sorted(root.glob(f"{below}/{MANIFEST}"))
