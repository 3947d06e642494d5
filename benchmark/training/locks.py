"""Who trains which fold, where several programs work on one store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path


class FoldLocks:
    """The folds of one run that this process is training: a locked file for each of them.

    A lock goes with its process, however that ends, so no lock outlives who took it. Where a file system has no
    locks nobody is kept from anything: two programs may then train the same fold, and the record is the same.

    Args:
        folder: Folder of the run; the files lie in its ``fold-locks``, since runs of before have a file ``locks``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "fold-locks"
        self._held: dict[str, FileLock] = {}

    def take(self, person: str) -> bool:
        """Take a fold; False where another process has it.

        Raises:
            DataError: The folder cannot be written.
        """
        path = self._folder / person.replace("/", "--")
        # a lock file without a lock would stay behind when its process is killed
        lock = FileLock(path, blocking=False, fallback_to_soft=False)
        try:
            self._folder.mkdir(exist_ok=True)
            lock.acquire()
        except Timeout:
            return False
        except NotImplementedError:
            return True
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from error
        self._held[person] = lock
        return True

    def release(self, person: str) -> None:
        """Give a fold back; nothing if it was not taken."""
        if (lock := self._held.pop(person, None)) is not None:
            lock.release()

    def close(self) -> None:
        """Give everything back."""
        for person in tuple(self._held):
            self.release(person)
