"""The folder that samples are written into, and the bytes of the files."""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from mer_lightning.datasets.paths import inside
from mer_lightning.files import replacing, write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

Format = Literal["png", "npz", "safetensors"]
MANIFEST = "manifest.json"
MADE_BY = "mer-bench data export"
_LEVELS = 255


@dataclass(frozen=True, slots=True)
class Planes:
    """How values became pixels of 8 bits.

    Attributes:
        fixed: True where pixel 0 is 0 and 255 is 1; else each plane of each picture is stretched from its least to its
            greatest value, which the manifest states of every sample.
        error: Largest distance of a value from what its pixel stands for; 0 where nothing is lost.
    """

    fixed: bool
    error: float

    def joined(self, other: Planes | None) -> Planes:
        """Of several samples."""
        return self if other is None else Planes(self.fixed and other.fixed, max(self.error, other.error))

    def described(self) -> dict[str, object]:
        """For the manifest."""
        scale = "value x 255" if self.fixed else "each plane from low to high of its sample"
        return {
            "scale": scale,
            "planes": "channels in order: red, green, blue",
            "lossless": self.error == 0,
            "largest_error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Encoded:
    """One sample as files: what follows its place, and the bytes.

    Attributes:
        files: Ending (``.png``, or ``/00012.png`` in a sequence) to content.
        planes: How values became pixels; None where the file holds the values.
        low: Least value of each channel, for pictures.
        high: Greatest value of each channel.
    """

    files: Mapping[str, bytes]
    planes: Planes | None = None
    low: list[float] = field(default_factory=list[float])
    high: list[float] = field(default_factory=list[float])


def encode(array: NDArray[np.generic], form: Format, value_range: tuple[float, float] | None, first: int) -> Encoded:
    """Write a sample into memory; the same values give the same bytes.

    Args:
        array: Frames ``(T, H, W, C)``, uint8; or what a model sees, ``(C, H, W)``, ``(C, T, H, W)`` or ``(D,)``,
            float32.
        form: Kind of file.
        value_range: Of what a model sees; None for frames.
        first: Number of the first picture of a sequence.

    Raises:
        DataError: No picture can hold it.
    """
    if form == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, data=array)
        return Encoded({".npz": buffer.getvalue()})
    if form == "safetensors":
        from safetensors.numpy import save

        return Encoded({".safetensors": save({"data": np.ascontiguousarray(array)})})
    if value_range is None:
        return Encoded(_pictures(array.astype(np.uint8), first))
    if array.ndim not in {3, 4} or array.shape[0] not in {1, 3}:
        raise DataError(
            f"format png: a picture has 1 or 3 channels, found values of shape {array.shape}; choose npz or safetensors"
        )
    return _as_pictures(array.astype(np.float32), value_range, first)


def _as_pictures(array: NDArray[np.float32], value_range: tuple[float, float], first: int) -> Encoded:
    channels = array.shape[0]
    flat = array.reshape(channels, -1)
    low, high = flat.min(1), flat.max(1)
    fixed = value_range == (0.0, 1.0) and low.min() >= 0 and high.max() <= 1
    span = np.where(high > low, high - low, 1).astype(np.float32)
    scaled = flat if fixed else (flat - low[:, None]) / span[:, None]
    pixels = np.round(scaled * _LEVELS).astype(np.uint8)
    back = pixels.astype(np.float32) / np.float32(_LEVELS)
    back = back if fixed else back * span[:, None] + low[:, None]
    planes = Planes(fixed, float(np.abs(back - flat).max()))
    pixels = pixels.reshape(array.shape)
    files = (
        _pictures(np.moveaxis(pixels, 0, -1), first) if array.ndim == 4 else {".png": _png(np.moveaxis(pixels, 0, -1))}
    )
    return Encoded(files, planes, low.tolist(), high.tolist())


def _pictures(frames: NDArray[np.uint8], first: int) -> dict[str, bytes]:
    return {f"/{number:05d}.png": _png(frame) for number, frame in enumerate(frames, start=first)}


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)).save(buffer, "PNG")
    return buffer.getvalue()


class ExportFolder:
    """A folder that holds one export and nothing else.

    Args:
        root: The folder; empty, not there yet, or with the manifest of the same export, which then goes on.

    Attributes:
        written: Files that were not there.
        kept: Files that were, as they would have been written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written = self.kept = 0

    def begin(self, identity: Mapping[str, object]) -> None:
        """Say what is going to be here, so that an interrupted export can go on.

        Raises:
            DataError: Something else is here.
        """
        if self.root.exists() and not self.root.is_dir():
            raise DataError(f"{self.root}: expected a folder")
        self._identity = json.loads(json.dumps(identity))
        path = self.root / MANIFEST
        inside(self.root, path)
        if path.is_file():
            there = _read(path)
            for key, value in self._identity.items():
                if there.get(key) != value:
                    other = json.dumps(there.get(key), ensure_ascii=False)[:120]
                    raise DataError(f"{path}: {key}: holds another export ({other}); choose another folder")
            return
        if self.root.is_dir() and any(self.root.iterdir()):
            raise DataError(f"{self.root}: is not empty and holds no export; choose another folder")
        self._write({"complete": False})

    def put(self, relative: str, payload: bytes) -> str:
        """Write a file that is not there yet.

        Returns:
            SHA-256 of its content.

        Raises:
            DataError: Another file is there, or the place leads out of the folder.
        """
        path = self._place(relative)
        digest = hashlib.sha256(payload).hexdigest()
        if path.exists():
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                raise DataError(
                    f"{path}: is there and is not what would be written; remove it, or choose another folder"
                )
            self.kept += 1
            return digest
        with replacing(path) as part:
            part.write_bytes(payload)
        self.written += 1
        return digest

    def repeat(self, relative: str, again: str, *, link: bool) -> None:
        """Have a file in another place too, as a hard link or a copy.

        Raises:
            DataError: As ``put``; or this disk has no hard links.
        """
        if not link:
            self.put(again, (self.root / relative).read_bytes())
            return
        source, path = self.root / relative, self._place(again)
        if path.exists():
            if not path.samefile(source):
                self.put(again, source.read_bytes())
            else:
                self.kept += 1
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, path)
        except OSError as error:
            raise DataError(f"{path}: no hard link can be made ({error.strerror}); write copies instead") from error
        self.written += 1

    def finish(self, described: Mapping[str, object]) -> None:
        """Write the manifest of everything."""
        self._write({"complete": True, **described})

    def _place(self, relative: str) -> Path:
        path = self.root / relative
        inside(self.root, path)
        return path

    def _write(self, body: Mapping[str, object]) -> None:
        text = json.dumps({"made_by": MADE_BY, **self._identity, **body}, indent=1, ensure_ascii=False)
        write_text(self.root / MANIFEST, text + "\n")


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict) and found.get("made_by") == MADE_BY:
            return found
    raise DataError(f"{path}: not the manifest of an export; choose another folder")
