"""Tables before they are in memory: what they will hold, how it is read when it is needed, and given back."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from mer_lightning.augmentation.pool import moves
from mer_lightning.datamodules.table import Table
from mer_lightning.motion.cache import content_key
from mer_lightning.motion.cut_flow import CutFlowSequence
from mer_lightning.motion.spotting import SPOTTING_VERSION
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from mer_lightning.datamodules.table import Holds
    from mer_lightning.motion import Representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.protocols import Labelled
    from mer_lightning.types import Dataset, Sample

Contents: TypeAlias = Mapping[str, tuple[bytes, tuple[int, ...]]]
"""By what samples are known again, by key: SHA-256 of what was read (and of the apex in it, for video), its shape."""

_LOG = logging.getLogger(__name__)
_CLIPS_AT_ONCE = 32
"""Clips held in memory together: a database of video does not fit, its representation does."""


@dataclass(eq=False)
class PlannedTable:
    """A table that is read when it is first asked for, and again after it was let go of.

    Every sample is read at most once, a few clips at a time, and not at all where the cache has what is computed of it.

    Attributes:
        dataset: Where the samples are read.
        labelled: The samples and their classes.
        classes: Number of classes.
        representation: What is computed of each sample.
        holds: ``frames`` stops at the frames that the representation samples.
        distance: Pixels of the recording between the nine positions that the representation cuts out; 0 for one.
        contents: What is known of the samples (and maybe of others), from ``read_contents``; what is read has to be
            that. Empty where nothing is known.
        cache: Where representations of frames are kept; None computes them anew.
        device: Where representations of frames are computed; None is the CPU. What is read lies on the CPU.
        beside: The same samples as the members of an ensemble see them, by method; the first of them is the table, and
            those that others have read already are not read again.
        people: As of ``content_hash``.
        table: The table while it is in memory.
    """

    dataset: Dataset
    labelled: Labelled
    classes: int
    representation: Representation
    holds: Holds = "maps"
    distance: int = 0
    contents: Contents = field(default_factory=dict)
    cache: Cache | None = None
    device: torch.device | None = None
    beside: Mapping[str, PlannedTable] = field(default_factory=dict)
    people: bool = True
    table: Table | None = None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over keys, labels and everything that was read of the samples; read now where nothing is known.

        Raises:
            DataError: As ``content_hash``.
        """
        if not self.contents:
            return self.get().content_hash
        digests = (self.contents[key][0] for key in self.labelled.keys)
        return content_hash(self.labelled, digests, people=self.people)

    def get(self) -> Table:
        """The table, kept from now on.

        Raises:
            DataError: As ``read``.
        """
        if self.table is None:
            self.table = self.read()
        return self.table

    def read(self) -> Table:
        """The table, read now and not kept.

        Raises:
            DataError: A sample cannot be read, is not what is known of it, or has the content of another subject's; or
                the representation or its frames need another kind of dataset, or more memory than the device has for
                one clip.
        """
        if self.beside:
            # not kept where they were not: nobody would let go of them
            made = {one: one.table or one.read() for one in dict.fromkeys(self.beside.values())}
            first, *_ = made.values()
            return replace(
                first, beside={name: made[one] for name, one in self.beside.items() if made[one] is not first}
            )
        inputs, digests = _read_inputs(self)
        return Table(
            keys=self.labelled.keys,
            inputs=inputs[:, 0] if self.distance else inputs,
            positions=inputs if self.distance else None,
            distance=self.distance,
            labels=torch.tensor(self.labelled.labels, dtype=torch.int64),
            classes=self.classes,
            representation=self.representation,
            content_hash=content_hash(self.labelled, digests, people=self.people),
            contents=digests,
            holds=self.holds,
        )

    def let_go(self) -> None:
        """Give its memory back."""
        self.table = None


def content_hash(labelled: Labelled, contents: Iterable[bytes], *, people: bool = True) -> str:
    """SHA-256 over keys, labels and everything that was read of the samples of a protocol.

    Args:
        labelled: The samples and their classes.
        contents: SHA-256 of what was read of each.
        people: False where subjects are parts of a database that may repeat each other; whoever makes folds of it sees
            to it that nothing is on two sides.

    Raises:
        DataError: Two subjects share a sample with the same content, which no leave-one-subject-out fold could keep
            apart.
    """
    digest = hashlib.sha256(labelled.table_hash.encode())
    owners: dict[bytes, Sample] = {}
    for sample, content in zip(labelled.samples, contents, strict=True):
        digest.update(content)
        if people and owners.setdefault(content, sample).person != sample.person:
            raise DataError(f"{sample.key}: same content as {owners[content].key}, a clip of another subject")
    return digest.hexdigest()


def read_contents(
    dataset: Dataset, samples: Sequence[Sample], *, progress: Callable[[int], None] | None = None
) -> Contents:
    """Read every sample once, and keep no more of it than by what it is known again.

    Args:
        dataset: Where the samples are read.
        samples: What to read.
        progress: Told of each sample that was read.

    Raises:
        DataError: A sample cannot be read.
    """
    contents: dict[str, tuple[bytes, tuple[int, ...]]] = {}
    for sample in samples:
        contents[sample.key] = content_of(dataset, sample, dataset.read(sample))
        if progress is not None:
            progress(1)
    return contents


def check_reading(dataset: Dataset, representation: Representation, holds: Holds) -> None:
    """Make sure that a representation can be computed of what a dataset has.

    Raises:
        DataError: It cannot.
    """
    if holds == "frames" and dataset.kind != "frames":
        raise DataError(
            f"training.augmentation.acts_on: expected a dataset of frames to augment, {dataset.name} has {dataset.kind}"
        )
    if dataset.kind not in representation.kinds:
        raise DataError(
            f"representation {representation.name} needs {' or '.join(representation.kinds)}, "
            f"{dataset.name} has {dataset.kind}"
        )


def load_table(dataset: Dataset, labelled: Labelled, classes: int, representation: Representation) -> Table:
    """Read the samples of one protocol now.

    Args:
        dataset: Where the samples are read.
        labelled: The samples and their classes, from ``Protocol.label``.
        classes: Number of classes.
        representation: What is computed of each sample.

    Raises:
        DataError: As ``PlannedTable.read``.
    """
    return PlannedTable(dataset, labelled, classes, representation).read()


def apex_index(sample: Sample, frames: int) -> int | None:
    """Where the annotated apex lies in the frames onset..offset; None where it has to be spotted."""
    if sample.apex is None or sample.onset is None:
        return None
    return min(sample.apex - sample.onset, frames - 1)


def _read_inputs(plan: PlannedTable) -> tuple[torch.Tensor, tuple[bytes, ...]]:
    """Representation and SHA-256 of every sample."""
    dataset, samples = plan.dataset, plan.labelled.samples
    check_reading(dataset, plan.representation, plan.holds)
    digests: list[bytes] = []
    inputs = torch.empty(0)
    for start in range(0, len(samples), _CLIPS_AT_ONCE):
        batch = _Batch(dataset, samples[start : start + _CLIPS_AT_ONCE], plan.contents)
        if dataset.kind == "frames":
            part = _represent(plan, batch, tuple(inputs.shape[1:]) if start else None)
        else:
            part = plan.representation(batch.clips(range(len(batch.samples))))
        if not start:
            # filled part by part: to join them in the end would take the memory twice
            inputs = part.new_empty((len(samples), *part.shape[1:]))
        elif part.shape[1:] != inputs.shape[1:]:
            raise DataError(
                f"{batch.samples[0].key}: {plan.representation.name} of it is {tuple(part.shape[1:])}, of those before "
                f"{tuple(inputs.shape[1:])}; expected one shape (are entries of the cache of something else?)"
            )
        _check_finite(part, batch.samples, plan.representation)
        inputs[start : start + len(part)] = part
        digests += [digest for digest, _ in batch.contents]
    # what the allocator keeps, other processes that train on the same GPU could not have
    torch.cuda.empty_cache()
    return inputs, tuple(digests)


class _Batch:
    """A few samples, of which no more is read than is asked for."""

    def __init__(self, dataset: Dataset, samples: Sequence[Sample], known: Contents) -> None:
        self._dataset, self.samples = dataset, samples
        self._clips: dict[int, NDArray[np.uint8]] = {}
        if not known:
            self._clips = {i: dataset.read(sample) for i, sample in enumerate(samples)}
        self.contents = [
            known[sample.key] if known else content_of(dataset, sample, self._clips[i])
            for i, sample in enumerate(samples)
        ]

    def clips(self, places: Sequence[int]) -> list[NDArray[np.uint8]]:
        """What is read of some of the samples."""
        for i in places:
            if i not in self._clips:
                self._clips[i] = self._dataset.read(self.samples[i])
                if content_of(self._dataset, self.samples[i], self._clips[i]) != self.contents[i]:
                    raise DataError(f"{self.samples[i].key}: was changed since it was planned")
        return [self._clips[i] for i in places]

    def apexes(self) -> list[int | None]:
        """Where the annotated apexes lie in the clips."""
        return [apex_index(s, shape[0]) for s, (_, shape) in zip(self.samples, self.contents, strict=True)]


def content_of(dataset: Dataset, sample: Sample, clip: NDArray[np.uint8]) -> tuple[bytes, tuple[int, ...]]:
    """By what a sample is known again: SHA-256 of what was read, and of the apex in frames; and its shape."""
    mark = repr(apex_index(sample, len(clip))).encode() if dataset.kind == "frames" else b""
    return hashlib.sha256(clip.tobytes() + mark).digest(), clip.shape


def _check_finite(part: torch.Tensor, samples: Sequence[Sample], representation: Representation) -> None:
    finite = part.isfinite().flatten(1).all(1).tolist()
    if not all(finite):
        key = samples[finite.index(False)].key
        raise DataError(f"{key}: {representation.name} of it has values that are not finite")


def _represent(plan: PlannedTable, batch: _Batch, shape: tuple[int, ...] | None) -> torch.Tensor:
    """Representation of a few samples, from the cache as far as it has them in the shape that others have."""
    representation, whole = plan.representation, plan.holds == "maps"
    device = plan.device or torch.device("cpu")
    if plan.distance:
        assert whole and isinstance(representation, CutFlowSequence), "see cut_distance"
        compute = partial(_compute, partial(representation.moved, moves=moves(plan.distance)), device=device)
    else:
        compute = partial(_compute, representation if whole else representation.sample, device=device)
    apexes = batch.apexes()
    if plan.cache is None:
        return compute(batch.clips(range(len(apexes))), apexes)
    # another device rounds otherwise: what is found must not depend on who computed it first
    where = "" if device.type == "cpu" else f"|{device.type}"
    computation = representation.cache_key() + ("" if whole else f"|{plan.holds}") + where
    computation += f"|nine positions, {plan.distance} px apart" if plan.distance else ""
    marks = [f"spotted {SPOTTING_VERSION}" if apex is None else str(apex) for apex in apexes]
    keys = [content_key(*content, f"{computation}|{m}") for content, m in zip(batch.contents, marks, strict=True)]
    found: list[NDArray[np.generic] | None] = [plan.cache.get(key) for key in keys]
    while True:
        missing = [i for i, array in enumerate(found) if array is None]
        if missing:
            computed = compute(batch.clips(missing), [apexes[i] for i in missing])
            shape = tuple(computed.shape[1:])
            for i, tensor in zip(missing, computed, strict=True):
                found[i] = tensor.numpy()
                plan.cache.put(keys[i], tensor.numpy())
        odd = _odd_entry(found, shape)
        if odd is None or len(missing) == len(found):
            return torch.stack([torch.tensor(array) for array in found])
        _LOG.warning("%s: is of something else; it and those beside it are computed again", plan.cache.path(keys[odd]))
        found = [None] * len(found)


def _odd_entry(found: Sequence[NDArray[np.generic] | None], shape: tuple[int, ...] | None) -> int | None:
    """Which entry cannot stand beside the others; None where all can."""
    for i, array in enumerate(found):
        assert array is not None, "what was missing was computed"
        shape = shape or array.shape
        if array.shape != shape or array.dtype != np.float32:
            return i
    return None


def _compute(
    compute: Callable[..., torch.Tensor],
    clips: Sequence[NDArray[np.uint8]],
    apexes: Sequence[int | None],
    *,
    device: torch.device,
) -> torch.Tensor:
    """Compute on a device, in halves where its memory does not take all clips at once, and bring the result back."""
    try:
        # a GPU would round the products of convolutions to TF32, which leaves a flow three digits
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return compute(clips, apexes, device).cpu()
    except torch.OutOfMemoryError as error:
        if len(clips) == 1:
            raise DataError(f"the memory of {device} does not take one clip; expected --accelerator cpu") from error
    half = len(clips) // 2
    parts = ((clips[:half], apexes[:half]), (clips[half:], apexes[half:]))
    return torch.cat([_compute(compute, *part, device=device) for part in parts])
