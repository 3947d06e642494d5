"""Samples as files for other people's code: what a method sees, or the clips themselves, with a manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from mer_lightning.datamodules.export_files import ExportFolder, Planes, encode
from mer_lightning.datamodules.planned import PlannedTable, check_reading, content_hash, content_of
from mer_lightning.datasets.manifest import MANIFEST as TWIN
from mer_lightning.datasets.paths import safe_name
from mer_lightning.protocols import Labelled
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from mer_lightning.datamodules.export_files import Format
    from mer_lightning.motion import Representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.types import Dataset, Sample

Layout = Literal["plain", "ststnet"]
Train = Literal["none", "links", "copies"]
LABELS = "labels.csv"
FRAMES = "frames"
"""What the clips themselves are called where a representation is named."""
_AT_ONCE = 32
_COLUMNS = ("database", "subject", "clip", "label", "class", "onset", "apex", "offset", "path")


@dataclass(frozen=True)
class Export:
    """What is written, and how.

    Attributes:
        dataset: Where the samples are read.
        labelled: The samples and their classes.
        classes: Names of the classes.
        representation: What is computed of each sample; None for its frames, as the dataset gives them.
        layout: ``plain``, ``<database>/<subject>/<clip>`` and a table of labels; or ``ststnet``, the community's
            ``<subject>/u_test/<class>/<subject>_<clip>.png``.
        form: Kind of file; npz and safetensors hold one array, ``data``.
        train: Whether the community's ``u_train``, the maps of everybody else, is written too, and how.
        cache: Where representations of frames are kept.
        device: Where they are computed.
        given: What the manifest says beside this, e.g. suite and protocol.
    """

    dataset: Dataset
    labelled: Labelled
    classes: tuple[str, ...]
    representation: Representation | None
    layout: Layout = "plain"
    form: Format = "npz"
    train: Train = "none"
    cache: Cache | None = None
    device: torch.device | None = None
    given: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.representation is not None:
            check_reading(self.dataset, self.representation, "maps")
        elif self.dataset.kind != FRAMES:
            raise DataError(f"representation {FRAMES}: {self.dataset.name} has {self.dataset.kind}, no frames")
        if self.layout == "ststnet" and (self.form != "png" or self.representation is None):
            raise DataError("layout ststnet: expected maps as png, e.g. --representation flow_map; choose layout plain")
        if self.train != "none" and self.layout != "ststnet":
            raise DataError(f"u_train: layout {self.layout} has none; expected layout ststnet")

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Of what a model sees; None for frames."""
        return None if self.representation is None else self.representation.value_range

    @property
    def identity(self) -> dict[str, object]:
        """What has to be the same where an export goes on."""
        dataset, shown = self.dataset, self.representation
        described: dict[str, object] = {"name": FRAMES}
        if shown is not None:
            arguments = shown.model_dump(mode="json", exclude={"name"}) if isinstance(shown, Settings) else {}
            described = {"name": shown.name, "arguments": arguments, "cache_key": shown.cache_key()}
        return {
            **self.given,
            "source": {
                "name": dataset.name,
                "release": dataset.release,
                "synthetic": dataset.synthetic,
                "choices": dict(dataset.choices),
            },
            "table_hash": self.labelled.table_hash,
            "classes": list(self.classes),
            "representation": described,
            "layout": self.layout,
            "format": self.form,
        }


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an export.

    Attributes:
        samples: How many there are.
        written: Files that were not there.
        kept: Files that were, as they would have been written.
        planes: How values became pixels; None where they did not.
    """

    samples: int
    written: int
    kept: int
    planes: Planes | None


@dataclass(slots=True)
class _Entry:
    """One sample in the manifest."""

    key: str
    label: str
    path: str
    shape: tuple[int, ...]
    files: dict[str, str]
    low: list[float] | None = None
    high: list[float] | None = None


def write_export(folder: ExportFolder, export: Export, progress: Callable[[int], None] | None = None) -> Exported:
    """Write every sample, then the manifest; what is there already, byte for byte, is left alone.

    Args:
        folder: Where to; see there for what it refuses.
        export: What.
        progress: Told of each sample that was written.

    Raises:
        DataError: A sample cannot be read or written in this form, a file is there that is another, or two samples have
            one place.
    """
    places = _place_samples(export)
    folder.begin(export.identity)
    entries: list[_Entry] = []
    digests: list[bytes] = []
    planes: Planes | None = None
    for sample, array, digest in _arrays(export):
        encoded = encode(array, export.form, export.value_range, sample.onset or 1)
        planes = encoded.planes.joined(planes) if encoded.planes else None
        place, label = places[sample.key], export.classes[export.labelled.labels[len(entries)]]
        files = {f"{place}{ending}": payload for ending, payload in encoded.files.items()}
        if export.layout == "ststnet" and len(files) > 1:
            raise DataError("layout ststnet: expected one map per clip, not a sequence; choose layout plain")
        hashes = {path: folder.put(path, payload) for path, payload in files.items()}
        path = next(iter(files)) if len(files) == 1 else place
        entry = _Entry(sample.key, label, path, array.shape, hashes)
        if encoded.planes and not encoded.planes.fixed:
            entry.low, entry.high = encoded.low, encoded.high
        entries.append(entry)
        digests.append(digest)
        if progress is not None:
            progress(1)
    if export.layout == "plain":
        folder.put(LABELS, _labels(export, entries).encode())
    if export.train != "none":
        _write_train(folder, export, entries)
    if export.dataset.synthetic:
        folder.put(TWIN, b'{"counts": {}}\n')
    folder.finish(_described(export, entries, digests, planes))
    return Exported(len(entries), folder.written, folder.kept, planes)


def _arrays(export: Export) -> Iterator[tuple[Sample, NDArray[np.generic], bytes]]:
    """Each sample, what is written of it, and the hash of what was read."""
    samples, labels = export.labelled.samples, export.labelled.labels
    if export.representation is None:
        for sample in samples:
            clip = export.dataset.read(sample)
            yield sample, clip, content_of(export.dataset, sample, clip)[0]
        return
    for start in range(0, len(samples), _AT_ONCE):
        part = Labelled(samples[start : start + _AT_ONCE], labels[start : start + _AT_ONCE])
        table = PlannedTable(
            export.dataset,
            part,
            len(export.classes),
            export.representation,
            cache=export.cache,
            device=export.device,
            people=False,
        ).read()
        for sample, array, digest in zip(part.samples, table.inputs.cpu().numpy(), table.contents, strict=True):
            yield sample, array, digest


def _place_samples(export: Export) -> dict[str, str]:
    """Where each sample goes, without its ending."""
    places: dict[str, str] = {}
    taken: dict[str, str] = {}
    owners: dict[str, str] = {}
    for sample, label in zip(export.labelled.samples, export.labelled.labels, strict=True):
        subject = safe_name(sample.subject, f"{sample.key}: subject")
        clip = safe_name(sample.clip, f"{sample.key}: clip")
        place = f"{safe_name(sample.database, 'database')}/{subject}/{clip}"
        if export.layout == "ststnet":
            if (owner := owners.setdefault(subject, sample.person)) != sample.person:
                raise DataError(f"layout ststnet: {owner} and {sample.person} have one folder; choose layout plain")
            # everybody's clips lie side by side in u_train, and clip names repeat across subjects
            place = f"{subject}/u_test/{label}/{subject}_{clip}"
        # a disk need not tell capitals apart
        if (twin := taken.setdefault(place.casefold(), sample.key)) != sample.key:
            raise DataError(f"{twin} and {sample.key} would have one place, {place}")
        places[sample.key] = place
    return places


def _labels(export: Export, entries: Sequence[_Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for sample, label, entry in zip(export.labelled.samples, export.labelled.labels, entries, strict=True):
        frames = ("" if one is None else one for one in (sample.onset, sample.apex, sample.offset))
        writer.writerow([sample.database, sample.subject, sample.clip, entry.label, label, *frames, entry.path])
    return text.getvalue()


def _write_train(folder: ExportFolder, export: Export, entries: Sequence[_Entry]) -> None:
    """The other half of the community's layout: below every subject the maps of everybody else."""
    pairs = list(zip(export.labelled.samples, export.labelled.labels, entries, strict=True))
    for subject in dict.fromkeys(sample.subject for sample, _, _ in pairs):
        for sample, label, entry in pairs:
            if sample.subject != subject:
                name = entry.path.rsplit("/", 1)[1]
                folder.repeat(entry.path, f"{subject}/u_train/{label}/{name}", link=export.train == "links")


def _described(
    export: Export, entries: Sequence[_Entry], digests: Sequence[bytes], planes: Planes | None
) -> dict[str, object]:
    shown = export.representation
    listed = [{key: value for key, value in asdict(entry).items() if value is not None} for entry in entries]
    hashes = hashlib.sha256(json.dumps([entry.files for entry in entries]).encode()).hexdigest()
    packages = ("mer-benchmark", "numpy", "pillow", "torch")
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in packages},
        "content_hash": content_hash(export.labelled, digests, people=False),
        "files_hash": hashes,
        "channels": list(shown.channels) if shown is not None else "as read",
        "value_range": list(shown.value_range) if shown is not None else [0, 255],
        **({"pixels": planes.described()} if planes else {}),
        "samples": listed,
    }
