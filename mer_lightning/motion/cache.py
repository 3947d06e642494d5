"""Computed representations on disk, found by what they were computed from.

The name of an entry is the hash of frames, parameters and code version, so an entry never goes stale; it can
only become unused, and then `prune` removes it. Its checksum covers the name: an entry under another's name is none.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_LOG = logging.getLogger(__name__)
_CHECKSUM_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One stored array.

    Attributes:
        key: Name of the entry.
        path: File.
        size: Bytes.
        used: When it was last written or read through the cache, seconds since 1970.
    """

    key: str
    path: Path
    size: int
    used: float


def content_key(digest: bytes, shape: tuple[int, ...], parameters: str) -> str:
    """Hash what is computed from and the parameters; the shape counts too, so that a transposed clip is another one.

    Args:
        digest: SHA-256 of the frames.
        shape: Shape of the frames.
        parameters: ``cache_key()`` of the representation, with the apex where it matters.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(f"{parameters}|{shape}|{digest.hex()}".encode()).hexdigest()


class Cache:
    """A folder of arrays, one ``.npy`` file each followed by a checksum of it and its key.

    What cannot be read or kept is computed again, and the log says so: a cache never stops whoever uses it.

    Several processes may fill one folder: each writes to a file of its own and renames it, so that a reader sees
    a whole entry or none, and the last of two equal ones stays.

    Args:
        folder: Where entries lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._full = False

    def path(self, key: str) -> Path:
        """File of an entry, whether it exists or not."""
        return self.folder / key[:2] / f"{key}.npy"

    def get(self, key: str) -> NDArray[np.generic] | None:
        """Read an entry, memory-mapped and read-only; None if it is missing, damaged or another's."""
        path = self.path(key)
        try:
            whole = _is_whole(path, key)
            array = np.load(path, mmap_mode="r", allow_pickle=False) if whole else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            array = None
        if array is None:
            _LOG.warning("%s: its checksum does not fit; it was changed, or is another's, and is computed again", path)
            return None
        # a colleague's entry may be read, but it is not ours to mark as used
        with suppress(OSError):
            os.utime(path)
        return array

    def put(self, key: str, array: NDArray[np.generic]) -> None:
        """Write an entry, replacing what is there; where the disk does not take it, nothing is kept."""
        path = self.path(key)
        try:
            with replacing(path) as part, part.open("w+b") as file:
                np.save(file, np.ascontiguousarray(array), allow_pickle=False)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256")
                digest.update(key.encode())
                file.write(digest.digest())
        except OSError as error:
            if not self._full:
                self._full = True
                _LOG.warning("%s: not kept: %s; goes on without", path, error.strerror or error)

    def entries(self) -> Iterator[CacheEntry]:
        """All entries, sorted by name."""
        for path in sorted(self.folder.glob("??/*.npy")):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            yield CacheEntry(path.stem, path, status.st_size, status.st_mtime)

    def prune(self, *, unused_since: float | None = None, largest_total: int | None = None) -> list[CacheEntry]:
        """Remove entries, those not used for longest first, and what interrupted writers left.

        Args:
            unused_since: Remove what was last used before this time, seconds since 1970.
            largest_total: Then remove until all entries together have at most this many bytes.

        Returns:
            What was removed.
        """
        found = sorted(self.entries(), key=lambda entry: entry.used)
        total = sum(entry.size for entry in found)
        removed: list[CacheEntry] = []
        for entry in found:
            old = unused_since is not None and entry.used < unused_since
            if old or (largest_total is not None and total > largest_total):
                entry.path.unlink(missing_ok=True)
                total -= entry.size
                removed.append(entry)
        if unused_since is not None:
            for part in self.folder.glob("??/.*.part"):
                if part.stat().st_mtime < unused_since:
                    part.unlink(missing_ok=True)
        return removed


def _is_whole(path: Path, key: str) -> bool:
    """Whether the last bytes of a file are the hash of all before them and of the key; of old entries without it."""
    size = path.stat().st_size - _CHECKSUM_BYTES
    if size <= 0:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0:
            read = file.read(min(size, 1 << 20))
            if not read:
                return False
            digest.update(read)
            size -= len(read)
        old, last = digest.digest(), file.read()
        digest.update(key.encode())
        return last in {digest.digest(), old}
