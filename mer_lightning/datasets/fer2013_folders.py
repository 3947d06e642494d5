"""FER2013 as folders of pictures, in which it is passed on today: ``train/angry/*.jpg`` or ``Training/0/*.png``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.paths import children, inside, relative, safe_name, walk
from mer_lightning.datasets.problems import Problem
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import IMAGE_SUFFIXES, read_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray


LAYOUT = "folders of pictures train/angry/*.jpg ... test/surprise/*.jpg, or Training/0/* ... PrivateTest/6/*"
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""By the number in the column ``emotion``, or of a class folder."""
PARTS = ("Training", "PublicTest", "PrivateTest")
SIDE = 48
CLASS = re.compile(
    r"(?i:[0-6]|ang(er|ry)|disgust(ed)?|fear(ful)?|happ(y|iness)|sad(ness)?|surprised?|neutral)",
)
"""Name of a class folder."""
_ROOTS = ("ang", "dis", "fea", "hap", "sad", "sur", "neu")
_PARTS = {
    "train": "Training",
    "training": "Training",
    "test": "Test",
    "publictest": "PublicTest",
    "privatetest": "PrivateTest",
}
_OWN_PART = re.compile(r"(PublicTest|PrivateTest)_", re.IGNORECASE)
_MOST_FILES = 200_000


def shows(root: Path, folders: Iterable[Path]) -> bool:
    """True where one of the folders is a part by its name and holds all seven classes.

    Raises:
        DataError: As ``children``.
    """
    return any(_is_part(root, folder) for folder in folders if folder.name.lower() in _PARTS)


def find_parts(root: Path, depth: int = 3) -> Path | None:
    """The folder that holds the parts, each of which holds the classes; None if there is none.

    Raises:
        DataError: As ``walk``.
    """
    return next((folder for folder, folders, _ in walk(root, depth, prune=CLASS) if shows(root, folders)), None)


def scan_folders(root: Path, parent: Path) -> tuple[list[Sample], list[Problem]]:
    """Every picture as a sample, ``fer2013/<part>/<class>-<name>``, and every problem.

    A folder ``test`` holds both test parts; where the name of a picture says which one it is of, it is of that one.

    Raises:
        DataError: A folder cannot be listed, or there are more pictures than in any release.
    """
    samples: dict[str, Sample] = {}
    problems: list[Problem] = []
    for path, part, name in _files(root, parent, problems):
        try:
            sample = _sample(path, part, _emotion(name))
            if (twin := samples.get(sample.key)) is not None:
                raise DataError(f"{sample.key} is given twice, also by {relative(root, twin.path or path)}")
        except DataError as error:
            problems.append(Problem(relative(root, path), None, str(error)))
            continue
        samples[sample.key] = sample
        if len(samples) > _MOST_FILES:
            raise DataError(f"{parent}: more than {_MOST_FILES} pictures")
    return list(samples.values()), problems


def _files(root: Path, parent: Path, problems: list[Problem]) -> Iterator[tuple[Path, str, str]]:
    for part in (path for path in children(root, parent) if path.is_dir()):
        if part.name.lower() not in _PARTS:
            names = ", ".join(_PARTS)
            problems.append(Problem(relative(root, part), None, f"part '{part.name}' is unknown; expected {names}"))
            continue
        for folder in (path for path in children(root, part) if path.is_dir()):
            if CLASS.fullmatch(folder.name):
                yield from ((path, _PARTS[part.name.lower()], folder.name) for path in children(root, folder))
            else:
                names = ", ".join(EMOTIONS)
                problems.append(Problem(relative(root, folder), None, f"expected one of {names}, or 0 to 6"))


def read_still(root: Path, path: Path) -> NDArray[np.uint8]:
    """Read one picture.

    Returns:
        ``(48, 48, 1)``, uint8.

    Raises:
        DataError: Not readable, of another size, or in colours.
    """
    pixels = read_image(inside(root, path))
    if pixels.shape[:2] != (SIDE, SIDE) or (pixels != pixels[..., :1]).any():
        colours = "" if (pixels == pixels[..., :1]).all() else ", in colours"
        raise DataError(
            f"{path}: expected a grey picture of {SIDE} x {SIDE}, found {pixels.shape[1]} x {pixels.shape[0]}{colours}"
        )
    return np.ascontiguousarray(pixels[..., :1])


def _is_part(root: Path, folder: Path) -> bool:
    names = [path.name for path in children(root, folder) if path.is_dir()]
    return {_emotion(name) for name in names if CLASS.fullmatch(name)} == set(EMOTIONS)


def _emotion(name: str) -> str:
    return EMOTIONS[int(name) if name.isdigit() else _ROOTS.index(name.lower()[:3])]


def _sample(path: Path, part: str, emotion: str) -> Sample:
    if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
        raise DataError("expected a picture")
    if part == "Test" and (own := _OWN_PART.match(path.name)):
        part = next(name for name in PARTS if name.lower() == own[1].lower())
    clip = safe_name(f"{emotion}-{path.stem}", "name of a picture")
    return Sample("fer2013", part, clip, emotion, path, onset=0, apex=0, offset=0)
