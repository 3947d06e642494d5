"""What areas have in common: pictures of noise, edits of text, and what a plan reads of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tools.faults.damage import FLIP
from tools.faults.planting import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mer_lightning.types import Dataset

SIZE = 24
TEXT_SPARED = frozenset({FLIP})
"""A table in text carries no checksum: another digit is another sound file, which its content hash at least tells."""


def contents_of(dataset: Dataset) -> list[object]:
    """Everything of a dataset that decides a prediction, read as a plan reads it.

    Raises:
        DataError: A sample cannot be read, or is of two subjects.
    """
    from mer_lightning.datamodules import content_hash, read_contents
    from mer_lightning.protocols import Labelled

    contents = read_contents(dataset, dataset.samples)
    labelled = Labelled(tuple(dataset.samples), (0,) * len(dataset.samples))
    said = [(s.key, s.emotion, s.onset, s.apex, s.offset) for s in dataset.samples]
    return [*said, content_hash(labelled, (digest for digest, _ in contents.values())), dataset.synthetic]


def draw_frame(seed: int) -> Image.Image:
    """A small picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    return Image.fromarray(pixels)


def edit_text(place: str, old: str, new: str) -> Callable[[Path], object]:
    """Replaces a text in a file."""

    def plant(folder: Path) -> None:
        path = folder / place
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{place} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return plant


def edits(place: str, changes: Iterable[tuple[str, str, str]]) -> tuple[Fault, ...]:
    """Faults that replace a text in a file: name, what stands there, what takes its place."""
    return tuple(Fault(name, edit_text(place, old, new)) for name, old, new in changes)


def save_as(place: str, **how: Any) -> Callable[[Path], object]:  # noqa: ANN401 - what Pillow takes
    """Save a picture again under the same name, in another format or mode."""

    def plant(folder: Path) -> None:
        path = folder / place
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            image.load()
        mode, size = how.get("mode"), how.get("size")
        if how.get("alpha"):
            image.putalpha(255)
        if mode:
            image = image.convert(mode)
        if size:
            image = image.resize(size)
        image.save(path, how.get("format", "PNG"))

    return plant


PICTURES = (
    ("a JPEG that is called .png", {"format": "JPEG"}),
    ("a BMP that is called .png", {"format": "BMP"}),
    ("a TIFF that is called .png", {"format": "TIFF"}),
    ("a GIF that is called .png", {"format": "GIF"}),
    ("of another size", {"size": (13, 17)}),
    ("turned to a strip", {"size": (1, 400)}),
    ("grey", {"mode": "L"}),
    ("black and white", {"mode": "1"}),
    ("a palette", {"mode": "P"}),
    ("CMYK", {"mode": "CMYK", "format": "TIFF"}),
    ("of 16 bits", {"mode": "I;16"}),
    ("of real numbers", {"mode": "F", "format": "TIFF"}),
    ("with transparency", {"mode": "RGBA"}),
)


def pictures(what: str, place: str) -> tuple[Fault, ...]:
    """A picture that is saved otherwise under the same name."""
    harmless_eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    return (
        *(Fault(f"{what}: {name}", save_as(place, **how)) for name, how in PICTURES),
        Fault(f"{what}: an EPS that is called .png", lambda folder: (folder / place).write_bytes(harmless_eps)),
        Fault(f"{what}: an SVG that is called .png", lambda folder: (folder / place).write_bytes(b"<svg/>\n")),
    )
