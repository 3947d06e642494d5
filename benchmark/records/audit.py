"""Was anybody on two sides of a fold? What is written down when a fold is trained, and how any store is checked again.

A set is hashed as the sum of the hashes of its members, so that train, validation and test of every fold must add up to
the same whole, and the test sides of all folds together to that whole once: a committed record can be checked without
the keys, and without the data.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.records.fold import FoldAudit, SideAudit
from benchmark.records.run import RunRecord, load_run
from benchmark.records.store import Store
from mer_lightning.protocols import Fold, Labelled
from mer_lightning.types import DataError, Sample, person_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from benchmark.records.fold import FoldRecord
    from benchmark.records.store import Kept, RunManifest
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Protocol, Rows

_MODULUS = 2**128


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found about one run.

    Attributes:
        run: Id of the run.
        folds: Folds that are recorded.
        audited: Folds that carry an audit.
        problems: One line each; empty when all is well.
        unchecked: Folds whose files are from before there were checksums: a changed one could not be told.
    """

    run: str
    folds: int
    audited: int
    problems: tuple[str, ...]
    unchecked: int = 0

    def __str__(self) -> str:
        if self.problems:
            first, *others = self.problems
            return f"{self.run}: PROBLEM {first}" + (f" (and {len(others)} more)" if others else "")
        unchecked = f", {self.unchecked} of them without checksum" if self.unchecked else ""
        unchecked = ", no checksum" if self.folds and self.unchecked == self.folds else unchecked
        if not self.audited:
            return f"{self.run}: no audit ({self.folds} folds from before it existed){unchecked}"
        without = (f", {self.folds - self.audited} without audit" if self.audited < self.folds else "") + unchecked
        return f"{self.run}: clean, {self.audited} folds{without}"


def audit_fold(fold: Fold, table: Table) -> FoldAudit:
    """Hash the sides of a fold and count whoever is on two of them.

    Args:
        fold: About to be, or just, trained.
        table: Where its samples are; what was read of each decides about equal content.
    """
    numbered = _numbered(table.keys, table.contents)
    sides = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    return FoldAudit(
        **{
            name: SideAudit(
                samples=len(rows), keys=_sum_parts(numbered.keys, rows), contents=_sum_parts(numbered.contents, rows)
            )
            for name, rows in sides.items()
        },
        overlap={
            "subject": _shared(table.people.codes, sides.values()),
            "clip": _shared(numbered.clips, sides.values()),
            "content": _shared(numbered.same, sides.values()),
        },
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Numbered:
    """The rows of a table as numbers, so that a side is looked at once and not sample by sample.

    Attributes:
        keys, contents: Hash of each key and of what was read, modulo 2^128, in parts of 32 bits, ``(N, 4)``.
        clips, same: Which key, and which content, is in each row, ``(N,)``; equal ones have one number.
    """

    keys: NDArray[np.uint64]
    contents: NDArray[np.uint64]
    clips: NDArray[np.int64]
    same: NDArray[np.int64]


@lru_cache(maxsize=4)
def _numbered(keys: tuple[str, ...], contents: tuple[bytes, ...]) -> _Numbered:
    """Once per table, whose folds are audited one after the other."""
    return _Numbered(_parts(map(_digest, keys)), _parts(contents), _first_places(keys), _first_places(contents))


def _parts(digests: Iterable[bytes]) -> NDArray[np.uint64]:
    whole = b"".join((int.from_bytes(digest) % _MODULUS).to_bytes(16, "little") for digest in digests)
    return np.frombuffer(whole, dtype="<u4").reshape(-1, 4).astype(np.uint64)


def _first_places(things: Iterable[str | bytes]) -> NDArray[np.int64]:
    known: dict[str | bytes, int] = {}
    return np.array([known.setdefault(thing, len(known)) for thing in things], dtype=np.int64)


def _sum_parts(parts: NDArray[np.uint64], rows: Rows) -> str:
    """As ``_sum_digests`` of these rows."""
    sums: list[int] = parts[rows].sum(0, dtype=np.uint64).tolist()
    return f"{sum(part << 32 * place for place, part in enumerate(sums)) % _MODULUS:032x}"


def _shared(codes: NDArray[np.integer[Any]], sides: Iterable[Rows]) -> int:
    """How many things are on more than one side."""
    number = int(codes.max(initial=-1)) + 1
    there = np.stack([np.bincount(codes[rows], minlength=number) > 0 for rows in sides])
    return int((there.sum(0) > 1).sum())


def audit_run(record: RunRecord) -> Audited:
    """Check a committed record against itself: no overlap, sides that add up, test sides that are the confusion matrix.

    Args:
        record: Its keys are not known, only their hashes.
    """
    protocol = record.evaluation
    problems = list(_fold_problems(record.audit))
    wholes = {kind: {_whole(audit, kind) for audit in record.audit.values()} for kind in ("keys", "contents")}
    for kind, found in wholes.items():
        if len(found) > 1:
            problems.append(f"the {kind} of train, validation and test add up to {len(found)} different wholes")
        # a split tests some alone, and those who train are in no other fold
        if len(record.audit) == record.folds and len(found) == 1 and not protocol.tested:
            tested = sum(int(getattr(audit.test, kind), 16) for audit in record.audit.values()) % _MODULUS
            if tested not in found:
                problems.append(f"the {kind} tested over all folds are not every sample once")
    for held_out, audit in sorted(record.audit.items()):
        clips = sum(
            sum(map(sum, matrix)) for person, matrix in record.confusion.items() if protocol.fold_of(person) == held_out
        )
        if clips != audit.test.samples:
            problems.append(f"{held_out}: {audit.test.samples} test samples, but {clips} in the confusion matrix")
    return Audited(
        record.run, record.finished, len(record.audit), tuple(problems), 0 if record.checked else record.finished
    )


def audit_stored(manifest: RunManifest, kept: Kept) -> Audited:
    """Check the folds of a store: as ``audit_run``, and with the keys that are known there.

    Every tested key must belong to whom the fold holds out and be tested in one fold only. Once all folds are in, the
    protocol's folds are made anew from keys and labels, and each side of each must have the recorded hash; of a split,
    which tests some alone, everybody whom it tests must be there.

    Args:
        manifest: What the run is.
        kept: What the store holds of it.
    """
    folds = kept.folds
    audits = {name: fold.audit for name, fold in folds.items() if fold.audit is not None}
    problems = [*kept.damaged, *_fold_problems(audits)]
    tested = Counter(p.key for fold in folds.values() for p in fold.predictions)
    problems += [f"{key}: predicted {count} times" for key, count in tested.items() if count > 1]
    protocol = manifest.evaluation
    classes = len(protocol.scheme.classes)
    for name, fold in sorted(folds.items()):
        problems += [
            f"{name}: {p.key} is of a class that there is not; expected 0..{classes - 1}"
            for p in fold.predictions
            if max(p.label, p.prediction) >= classes
        ]
        problems += [
            f"{name}: {p.key} is predicted, who is not held out"
            for p in fold.predictions
            if not _held(protocol, name, person_of(p.key))
        ]
        if fold.audit is not None and _sum_digests(_digest(p.key) for p in fold.predictions) != fold.audit.test.keys:
            problems.append(f"{name}: the predicted clips are not those of the audit")
    if len(folds) == manifest.folds and audits and not problems:
        problems += _against_protocol(manifest, folds, audits)
    return Audited(manifest.run, len(folds), len(audits), tuple(problems), kept.unchecked)


def audit_folder(folder: Path) -> list[Audited]:
    """Check every run of a store, with weights that were kept, or every record of a records folder, in name order.

    A file that is damaged is a problem of its own.

    Raises:
        DataError: Neither is there.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    store = Store(folder)
    found = [audit_stored(manifest, store.kept(manifest.run)) for manifest in store.manifests()]
    found += [Audited(Path(line.partition(": ")[0]).parent.name, 0, 0, (line,)) for line in store.strays()]
    found += [audited for path in store.weights() if (audited := _audit_weights(path)) is not None]
    if not found:
        found = [_audit_file(path) for path in sorted(folder.rglob("seed*.json"))]
    if not found:
        raise DataError(f"{folder}: neither a store (<run>/run.json) nor records (<board>/<method>/seed<k>.json)")
    return found


def _audit_file(path: Path) -> Audited:
    try:
        return audit_run(load_run(path))
    except DataError as error:
        return Audited(path.stem, 0, 0, (str(error),))


def _audit_weights(path: Path) -> Audited | None:
    """What is wrong with weights; None where nothing is."""
    from mer_lightning.backbones import load_kept

    try:
        load_kept(path)
    except DataError as error:
        return Audited(path.stem, 0, 0, (str(error),))
    return None


def _fold_problems(audits: Mapping[str, FoldAudit]) -> Iterator[str]:
    for held_out, audit in sorted(audits.items()):
        for kind, count in audit.overlap.items():
            if count:
                yield f"{held_out}: {count} {kind}{'s' if count > 1 else ''} on more than one side"
        if not audit.train.samples or not audit.test.samples:
            yield f"{held_out}: nothing to train on or nothing to test"


def _against_protocol(
    manifest: RunManifest, folds: Mapping[str, FoldRecord], audits: Mapping[str, FoldAudit]
) -> list[str]:
    rows = sorted((p.key, p.label) for fold in folds.values() for p in fold.predictions)
    samples = tuple(Sample(*key.split("/", 2), emotion="") for key, _ in rows)
    protocol = manifest.evaluation
    problems: list[str] = []
    if protocol.tested:
        # who trains is in no prediction
        missing = {*protocol.tested} - {sample.person for sample in samples}
        return [
            f"{person} is not predicted, whom the split of protocol {protocol.id} tests" for person in sorted(missing)
        ]
    labelled = Labelled(samples, tuple(label for _, label in rows))
    for fold in protocol.folds(labelled, manifest.seed):
        audit = audits.get(fold.held_out)
        for side in ("train", "validation", "test") if audit else ():
            keys = _sum_digests(_digest(labelled.keys[row]) for row in getattr(fold, side).tolist())
            if keys != getattr(audit, side).keys:
                problems.append(f"{fold.held_out}: {side} is not what protocol {protocol.id} makes of these samples")
    return problems


def _held(protocol: Protocol, held_out: str, person: str) -> bool:
    return protocol.fold_of(person) == held_out and person in (protocol.tested or (person,))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _sum_digests(digests: Iterable[bytes]) -> str:
    return f"{sum(int.from_bytes(digest) for digest in digests) % _MODULUS:032x}"


def _whole(audit: FoldAudit, kind: str) -> int:
    return sum(int(getattr(side, kind), 16) for side in (audit.train, audit.validation, audit.test)) % _MODULUS
