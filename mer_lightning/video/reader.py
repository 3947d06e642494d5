"""Frames from image folders and from video files, checked while they are read.

Image folders go through Pillow. Video files go through decord or PyAV in a process of their own: decord can loop for
ever inside its own thread (dmlc/decord #373, #375), so every decode has a time-out, and a frame count to meet.
Nothing decoded is kept: a clip is as large as its frames, and a folder of images takes half as long to read.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from mer_lightning.files import temporary_folder
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

VideoReader = Literal["decord", "pyav"]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
VIDEO_SUFFIXES = (".avi", ".mp4")
MOST_PIXELS = 50_000_000
"""Largest image that is decoded; the largest frame of any supported database has 2.2 million pixels."""
MOST_FRAMES = 100_000
"""Longest clip in which frames are filled in; the longest of any supported database has a few hundred."""
MOST_BYTES = 8 << 30
"""Largest clip that is decoded, uncompressed."""
DECODE_SECONDS = 120.0
"""Time after which decoding a video file is given up."""

_DECODER = Path(__file__).with_name("decoder.py")
# Pillow would hand other formats to external programs (EPS to Ghostscript) or to rarely fuzzed parsers
_FORMATS = ("BMP", "JPEG", "PNG", "TIFF")
# what Pillow raises on damaged pixels and tags
_DAMAGE = (
    ArithmeticError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
)
_DIGITS = re.compile(r"(\d+)")
_MODES = {
    "L": "L",
    "1": "L",
    "LA": "L",
    "RGB": "RGB",
    "RGBA": "RGB",
    "P": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}
_KINDS = {"L": "grey", "LA": "grey", "1": "black and white", "RGB": "colour", "RGBA": "colour", "P": "a palette"}
"""What a clip may have one of; other modes go by their own name."""


@dataclass(frozen=True, slots=True)
class VideoLook:
    """What a video file says of itself.

    Attributes:
        frames: Number of frames that play.
        fps: Frames a second on average, None where it does not say.
        error: Why it cannot be read; empty where it can.
    """

    frames: int = 0
    fps: float | None = None
    error: str = ""


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which ``img9`` comes before ``img10``."""
    parts = _DIGITS.split(name.casefold())
    return tuple((1, int(part)) if index % 2 else (0, part) for index, part in enumerate(parts))


def frame_number(name: str) -> int | None:
    """Number of a frame, the last run of digits in its file name; None if there is none.

    ``img46.jpg``, ``reg_img46.jpg``, ``006_05562.jpg``, ``image17581039.jpg`` and ``S005_001_00000011.png``
    all end in the number.
    """
    found = _DIGITS.findall(Path(name).stem)
    return int(found[-1]) if found else None


def number_frames(files: Iterable[Path], where: str) -> dict[int, Path]:
    """Image files by frame number, in natural order of their names.

    Args:
        files: Files of one clip's folder; those that are not images are ignored.
        where: The folder as the message should name it.

    Raises:
        DataError: A name has no number, or two names have the same one.
    """
    frames: dict[int, Path] = {}
    for file in sorted(files, key=lambda path: natural_key(path.name)):
        if file.suffix.lower() not in IMAGE_SUFFIXES or file.name.startswith("."):
            continue
        number = frame_number(file.name)
        if number is None:
            raise DataError(f"{where}/{file.name}: expected a frame number in the name")
        if number in frames:
            raise DataError(f"{where}/{file.name}: frame {number} is already given by {frames[number].name}")
        frames[number] = file
    return frames


def select_frames(frames: Mapping[int, Path], onset: int, offset: int, where: str) -> list[Path]:
    """Files of the frames onset..offset.

    Names carry the annotated numbers; only where those do not occur and the folder has exactly as many frames as
    the clip, counted from 0 or 1, it was cut to the clip.

    Args:
        frames: Files by the number in their name.
        onset: First frame, as annotated.
        offset: Last frame, as annotated, included.
        where: The folder as the message should name it.

    Raises:
        DataError: A frame is missing; the message names the first one and how many there are.
    """
    if offset < onset:
        raise DataError(f"{where}: offset {offset} is before onset {onset}")
    wanted = range(onset, offset + 1)
    cut = onset not in frames and offset not in frames and len(frames) == len(wanted)
    if cut and min(frames) in (0, 1):
        wanted = range(min(frames), min(frames) + len(wanted))
    # a sheet may name any number: only frames that exist are gone through
    missing = len(wanted) - sum(number in wanted for number in frames)
    if missing:
        first = next(number for number in wanted if number not in frames)
        found = f"found {min(frames)}..{max(frames)} ({len(frames)} frames)" if frames else "the folder has no frame"
        raise DataError(
            f"{where}: frame {first} is missing ({missing} of {len(wanted)} frames of "
            f"{wanted[0]}..{wanted[-1]}); {found}"
        )
    return [frames[number] for number in wanted]


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read one 8-bit image, turned as its orientation tag says.

    Grey and black-and-white images are grey; palettes and CMYK are colour, whatever is in them. Transparency is
    left out.

    Returns:
        ``(H, W, 1)`` for a grey image, else ``(H, W, 3)`` RGB.

    Raises:
        DataError: Unreadable, empty, truncated, too large, or not 8 bits a channel.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[NDArray[np.uint8], str]:
    """An image, and how its file writes colours."""
    with _open(path) as file, open_picture(path, file) as image:
        mode = _mode(image, path)
        kind = _KINDS.get(image.mode, image.mode)
        try:
            # Pillow does so of itself for TIFF only, and then leaves no tag behind
            image.load()
            image.getexif()
            for key in ("exif", "Raw profile type exif"):  # or Pillow writes the tags anew, damaged as they may be
                image.info.pop(key, None)
            ImageOps.exif_transpose(image, in_place=True)
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        except _DAMAGE as error:
            raise DataError(f"{path}: image is truncated or damaged ({_one_line(error)})") from None
    return (pixels[:, :, None] if pixels.ndim == 2 else pixels), kind


def read_images(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Read the frames of one clip, whose files all write colours alike.

    Returns:
        ``(T, H, W, C)``, uint8, C = 1 (grey) or 3 (RGB).

    Raises:
        DataError: As `read_image`; also no frames, frames of different sizes, a grey, black-and-white, palette or CMYK
            frame among others, whose levels are not theirs, or a clip beyond ``MOST_BYTES``.
    """
    if not paths:
        raise DataError("a clip needs at least one frame, found none")
    first, kind = _read(paths[0])
    if first.nbytes * len(paths) > MOST_BYTES:
        raise DataError(f"{paths[0].parent}: clip of {len(paths)} frames {first.shape} exceeds {MOST_BYTES} bytes")
    clip = np.empty((len(paths), *first.shape), np.uint8)
    clip[0] = first
    for index, path in enumerate(paths[1:], start=1):
        frame, found = _read(path)
        if frame.shape[:2] != first.shape[:2]:
            raise DataError(
                f"{path}: expected {first.shape[1]} x {first.shape[0]} as in {paths[0].name}, "
                f"found {frame.shape[1]} x {frame.shape[0]}"
            )
        if found != kind:
            raise DataError(f"{path}: expected {kind} as in {paths[0].name}, found {found}")
        clip[index] = frame
    return clip


def read_video(path: Path, reader: VideoReader = "decord") -> NDArray[np.uint8]:
    """Decode the frames of a video file that play, turned and mirrored as a player shows them.

    Both readers give the same frames. A file that ends between two frames is only noticed by their number.

    Args:
        path: ``.avi`` or ``.mp4`` file.
        reader: ``decord`` decodes where it is installed and reads the file right, and PyAV elsewhere; ``pyav`` always.

    Returns:
        ``(T, H, W, 3)`` RGB, uint8.

    Raises:
        DataError: Unreadable, cut off inside a frame, too large, or not decoded in time.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such video file")
    if not path.stat().st_size:
        raise DataError(f"{path}: the video file is empty")
    # the map outlives the name of its file, so the frames are not copied
    with temporary_folder("decode") as folder:
        target = folder / "clip.rgb"
        shape = _decode(path, target, reader)
        return np.memmap(target, np.uint8, "c", shape=shape)


def look_at_videos(paths: Sequence[Path]) -> list[VideoLook]:
    """How long video files are, without decoding them, in one process for all.

    Args:
        paths: ``.avi`` or ``.mp4`` files.

    Returns:
        What each says of itself, or why it cannot be read.
    """
    if not paths:
        return []
    names = "".join(f"{json.dumps(str(path.resolve()))}\n" for path in paths)
    command = [sys.executable, "-P", str(_DECODER), "--look"]
    seconds = DECODE_SECONDS + len(paths)
    try:
        done = subprocess.run(command, input=names, capture_output=True, text=True, timeout=seconds, check=False)
        said, silent = done.stdout, f"the reader ended with code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        said, silent = (error.stdout or b"").decode(), f"reading did not end within {seconds:g} s and was stopped"
    looks = [VideoLook(**json.loads(line)) for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return [*looks, *[VideoLook(error=silent)] * (len(paths) - len(looks))]


def video_frames(count: int, onset: int, offset: int, where: str) -> slice:
    """Where the frames onset..offset lie in a video file.

    A file with exactly as many frames as the clip is the clip; any other file is the recording, whose first
    frame has number 1.

    Args:
        count: Frames in the file.
        onset: First frame, as annotated.
        offset: Last frame, as annotated, included.
        where: The file as the message should name it.

    Raises:
        DataError: The recording ends before the offset.
    """
    length = offset - onset + 1
    if length < 1:
        raise DataError(f"{where}: offset {offset} is before onset {onset}")
    if count == length:
        return slice(0, length)
    if count < offset or onset < 1:
        raise DataError(
            f"{where}: annotated frames {onset}..{offset} need {length} frames (the clip) or at least "
            f"{offset} (the recording), decoded {count}; is it truncated?"
        )
    return slice(onset - 1, offset)


def _mode(image: Image.Image, path: Path) -> str:
    """The mode that an image is converted to: grey or RGB."""
    bits = bits_of(image)
    mode = _MODES.get(image.mode) if bits <= 8 else None
    if mode is None:
        found = f"mode {image.mode}" if bits <= 8 else f"{bits} bits a channel"
        raise DataError(f"{path}: expected an 8-bit grey or colour image, found {found}")
    return mode


def bits_of(image: Image.Image) -> int:
    """Bits of a channel; Pillow's mode does not tell 8 from 16 in colour, and would give the high byte."""
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(BITSPERSAMPLE, (1,)))
    if isinstance(image, PngImageFile):
        # how its bytes are unpacked, such as `RGB;16B`
        return 16 if any(";16" in str(tile.args) for tile in image.tile) else 8
    return 8


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such image") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({_one_line(error)})") from None


def open_picture(path: Path, file: BinaryIO, formats: tuple[str, ...] = _FORMATS) -> Image.Image:
    """Look at a picture, of which nothing is decoded yet; the only place where files of others go to Pillow.

    Args:
        path: What it is called in messages.
        file: The picture, open.
        formats: Those that are taken, by Pillow's names, whatever the file is called.

    Raises:
        DataError: It is of another format, damaged or too large.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            # not by its name: Pillow 13 would map an uncompressed TIFF into memory and scramble a quarter turn of it
            image = Image.open(file, formats=formats)
        except Image.DecompressionBombError:
            raise DataError(f"{path}: image has more than {MOST_PIXELS} pixels") from None
        except _DAMAGE as error:
            reason = _one_line(error) if path.stat().st_size else "it is empty"
            expected = "JPEG, PNG, BMP or TIFF" if formats == _FORMATS else " or ".join(formats)
            raise DataError(f"{path}: expected a {expected} image ({reason})") from None
    if image.size[0] * image.size[1] > MOST_PIXELS:
        width, height = image.size
        image.close()
        raise DataError(f"{path}: image of {width} x {height} has more than {MOST_PIXELS} pixels")
    return image


def _decode(path: Path, target: Path, reader: VideoReader) -> tuple[int, ...]:
    # -P: the script's own folder must not shadow other packages
    command = [sys.executable, "-P", str(_DECODER), str(path.resolve()), str(target), str(MOST_BYTES), reader]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DECODE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DataError(f"{path}: decoding did not end within {DECODE_SECONDS:g} s and was stopped") from None
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        if done.returncode == 0:
            return tuple(int(size) for size in answer["shape"])
        reason = str(answer["error"])
    except (IndexError, ValueError, KeyError, TypeError):
        reason = f"the decoder ended with code {done.returncode}"
    raise DataError(f"{path}: cannot be decoded as video ({reason})")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
