"""Who trains which fold, where several programs work on one store."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HELD = {errno.EACCES, errno.EAGAIN}


class FoldLocks:
    """The folds of one run that this process is training: a locked byte for each of them in one file.

    A lock goes with its process, however that ends, so no lock outlives who took it. Where a file system has no
    locks nobody is kept from anything: two programs may then train the same fold, and the record is the same.

    Args:
        folder: Folder of the run.
        people: Held-out subjects of all folds of the run, in the order that every program has.
    """

    def __init__(self, folder: Path, people: Sequence[str]) -> None:
        self._place = {person: place for place, person in enumerate(people)}
        try:
            self._file = (folder / "locks").open("w")
        except OSError as error:
            raise DataError(f"{folder / 'locks'}: cannot be written: {error.strerror}") from error

    def take(self, person: str) -> bool:
        """Take a fold; False where another process has it."""
        import fcntl

        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._place[person])
        except OSError as error:
            return error.errno not in _HELD
        return True

    def release(self, person: str) -> None:
        """Give a fold back; nothing if it was not taken."""
        import fcntl

        try:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._place[person])
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise

    def close(self) -> None:
        """Give everything back."""
        self._file.close()
