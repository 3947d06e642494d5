"""Precomputed flow maps in the folder layout that the STSTNet and HTNet code bases share.

``<subject>/u_test/<label>/<clip>.png``, in the composite with label 0 negative, 1 positive, 2 surprise. Every subject's
``u_train`` half only repeats the other subjects' files, so it is never read: folds are made by the protocol.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import children, folded, safe_name
from mer_lightning.types import NO_CHOICES, DataError, Sample
from mer_lightning.video.reader import bits_of, open_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.types import Kind

_STRANGERS = {r"spNO\.\d+": "CAS(ME)^3", r"sub\d{4}": "DFME"}
_HALVES = ("u_test", "u_train")
_LARGEST_SIDE = 1024
_MOST_BESIDE = 1000


@dataclass(frozen=True, slots=True)
class FlowLayout:
    """What folders of flow maps are of.

    Attributes:
        name: What the data is called.
        labels: Label by the name of its folder.
        subjects: Regular expression of subjects' folders by database; the first that fits counts.
        release: What records call it; told from its clips when empty.
        forms: What subjects are called, for messages; the expressions when empty.
        halves: True where a subject's labels must lie in ``u_test``, not directly in its folder.
    """

    name: str
    labels: Mapping[str, str]
    subjects: Mapping[str, str]
    release: str = ""
    forms: str = ""
    halves: bool = False

    @property
    def place(self) -> str:
        """Where maps lie, for messages."""
        either = "" if self.halves else "<subject>/<label>/<clip>.png or "
        return f"{either}<subject>/u_test/<label>/<clip>.png"

    @property
    def expected(self) -> str:
        """What subjects are called, for messages."""
        return self.forms or " or ".join(f"{form} ({database})" for database, form in self.subjects.items())


COMPOSITE = FlowLayout(
    name="megc2019-flow",
    labels={"0": "negative", "1": "positive", "2": "surprise"},
    subjects={"smic": r"s\d{2}", "casme2": r"sub\d{2}", "samm": r"\d{3}"},
    release="megc2019-442",
    forms="sNN (SMIC), subNN (CASME II) or NNN (SAMM)",
    halves=True,
)
"""The MEGC2019 composite, as it is passed on."""


class FlowFolders:
    """Flow maps, one 8-bit RGB PNG per clip.

    The planes are, in the order in which Pillow gives them (red, green, blue): horizontal flow, vertical flow
    and optical strain, each scaled to 0..255 per image. That order was checked on the public maps: the strain
    of planes (0, 1) correlates .83 with plane 2, and only plane 0 changes sign when a face is mirrored.

    Args:
        root: Folder that holds the subjects' folders.
        layout: What they are of.

    Raises:
        DataError: The folder is missing or a name, label, image or key in it is not as stated above.
    """

    kind: Kind = "flow_maps"
    choices = NO_CHOICES

    def __init__(self, root: Path, layout: FlowLayout = COMPOSITE) -> None:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; expected {layout.place} in it")
        self._root, self._layout = root.resolve(), layout
        self.name = layout.name
        # maps of invented faces, exported in this layout, must not pass for real ones
        self.synthetic = read_twin(self._root) is not None
        self._shape: tuple[int, ...] | None = None
        samples: dict[str, Sample] = {}
        self._check_level()
        for sample in self._scan():
            if (twin := samples.get(sample.key)) is not None:
                raise DataError(f"{sample.path}: key {sample.key} is already taken by {twin.path}")
            samples[sample.key] = sample
        _check_apart(samples.values())
        if not samples:
            raise DataError(f"{root}: no subject folder in it; expected {layout.place}")
        self.samples = tuple(samples[key] for key in sorted(samples))
        self.release = layout.release or f"flow-{_digest_of_clips(self.samples)}"
        if self.synthetic and layout is COMPOSITE:
            self.release = "synthetic-maps"

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the map of one sample.

        Returns:
            ``(1, H, W, 3)``, uint8, channels horizontal flow, vertical flow, strain.

        Raises:
            DataError: The file is not an 8-bit RGB image, or its size differs from the others'.
        """
        path = sample.path
        assert path is not None, "samples of this dataset come from files"
        try:
            with path.open("rb") as file, open_picture(path, file, ("PNG",)) as image:
                if image.mode != "RGB" or bits_of(image) > 8 or max(image.size) > _LARGEST_SIDE:
                    raise DataError(
                        f"{path}: expected an 8-bit RGB image of at most {_LARGEST_SIDE} x {_LARGEST_SIDE}, "
                        f"found {image.mode} of {bits_of(image)} bits, {image.size[0]} x {image.size[1]}"
                    )
                pixels = np.asarray(image)
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: not a readable image ({error})") from error
        self._shape = self._shape or pixels.shape
        if pixels.shape != self._shape:
            raise DataError(
                f"{path}: expected {_size(self._shape)} pixels like the other maps, found {_size(pixels.shape)}"
            )
        return pixels[None]

    def _scan(self) -> Iterator[Sample]:
        for folder in self._folders(self._root):
            subjects = self._layout.subjects
            database = next((db for db, form in subjects.items() if re.fullmatch(form, folder.name)), None)
            if database is None:
                raise DataError(f"{folder}: {self._stranger(folder)}; expected {self._layout.expected}")
            half = folder / _HALVES[0]
            if not (self._layout.halves or any((folder / name).is_dir() for name in _HALVES)):
                half = folder
            if not half.is_dir():
                raise DataError(f"{half}: no such folder; expected <label>/<clip>.png in it")
            found = list(self._scan_labels(half, database, folder.name))
            if not found:
                raise DataError(f"{half}: subject without any map; expected <label>/<clip>.png in it")
            yield from found

    def _scan_labels(self, half: Path, database: str, subject: str) -> Iterator[Sample]:
        for folder in self._folders(half):
            if folder.name not in self._layout.labels:
                *others, last = self._layout.labels
                expected = f"{', '.join(others)} or {last}" if others else last
                raise DataError(f"{folder}: label '{folder.name}' is unknown; expected {expected}")
            for path in children(self._root, folder):
                if path.suffix.lower() != ".png" or not path.is_file():
                    raise DataError(f"{path}: expected a .png file here")
                # names in the wild carry a blank before the ending and repeat the subject
                clip = safe_name(path.stem.strip().removeprefix(f"{subject}_"), f"{path}: name of a clip")
                yield Sample(database, subject, clip, self._layout.labels[folder.name], path)

    def _check_level(self) -> None:
        """Say where subjects lie that are a level or two away."""
        if not self._layout.halves or _subjects(self._root):
            return
        for where, folders in (
            ("one level below", [path for path in _folders_of(self._root) if _subjects(path)]),
            ("two levels below", [p for path in _folders_of(self._root) for p in _folders_of(path) if _subjects(p)]),
            ("above", [path for path in self._root.parents[:3] if _subjects(path)][:1]),
            ("beside it", [path for path in _folders_of(self._root.parent) if _subjects(path)]),
        ):
            if folders:
                names = " or ".join(f"--data {path}" for path in folders)
                raise DataError(f"{self._root}: no subject folder in it; flow maps lie {where}: {names}")

    def _stranger(self, folder: Path) -> str:
        """What is known of the subject of another database."""
        database = next((db for form, db in _STRANGERS.items() if re.fullmatch(form, folder.name)), None)
        if not self._layout.halves:
            return f"not a subject of {', '.join(self._layout.subjects)}"
        if database is None:
            return "not a subject of the composite"
        halves = [path / "u_test" for path in self._folders(self._root) if (path / "u_test").is_dir()]
        labels = sorted({path.name for half in halves for path in self._folders(half)})
        return (
            f"a subject of {database}, whose maps here have the labels {', '.join(labels) or 'none'}; "
            f"{self.name} has the labels {', '.join(f'{label} {name}' for label, name in self._layout.labels.items())}"
        )

    def _folders(self, parent: Path) -> list[Path]:
        return [path for path in children(self._root, parent) if path.is_dir()]


def _check_apart(samples: Iterable[Sample]) -> None:
    """Make sure that no two names are one, and that no map lies with somebody whose name it does not carry.

    Raises:
        DataError: Two subjects have one name but for case, zeros, kind of digits or Unicode form, or two clips of one
            subject but for that and the zeros; or maps carry the name of their subject, and one that of another.
    """
    names: dict[str, str] = {}
    subjects: set[str] = set()
    stems: list[tuple[Sample, str]] = []
    for sample in samples:
        for key, zeros in ((sample.person, True), (sample.key, False)):
            if (other := names.setdefault(folded(key, zeros=zeros), key)) != key:
                raise DataError(f"{sample.path}: {key} is {other} but for case, zeros or signs; expected one of them")
        subjects.add(sample.subject)
        assert sample.path is not None, "samples of this dataset come from files"
        stems.append((sample, sample.path.stem.strip().partition("_")[0]))
    if 2 * sum(named == sample.subject for sample, named in stems) <= len(stems):
        # what stands before the first _ is no subject here
        return
    for sample, named in stems:
        if named != sample.subject and named in subjects:
            raise DataError(f"{sample.path}: is named after {named}; expected a map of {sample.subject}")


def _subjects(folder: Path) -> bool:
    """Whether some folder in it has the halves of a subject."""
    return any((path / half).is_dir() for path in _folders_of(folder) for half in _HALVES)


def _folders_of(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir())[:_MOST_BESIDE] if path.is_dir() and path.name[0] != "."]
    except OSError:
        return []


def _digest_of_clips(samples: Sequence[Sample]) -> str:
    return hashlib.sha256("\n".join(f"{one.key} {one.emotion}" for one in samples).encode()).hexdigest()[:10]


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
