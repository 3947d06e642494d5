"""Files that are there whole or not at all, and what killed programs left beside them."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_OWNER = re.compile(r"^\.?(?:mer-[a-z]+-)?(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-")


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Write a file beside its place; it takes that place when it is on the disk, and is gone after an exception.

    Several processes may write one file: each writes its own, and the last one stays. What a process left that was
    killed meanwhile goes when another first writes into the folder.

    Args:
        path: The place; its folder is made.

    Yields:
        Where to write. The file is made by whoever writes it, so that the umask decides who may read it.

    Raises:
        OSError: The disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path.parent, ".*.part")
    part = path.parent / f".{_owner()}{uuid.uuid4().hex}.part"
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        # whoever reads the message knows the place, not what lay beside it; a full disk names no file
        if isinstance(error, OSError) and error.filename in {None, str(part), part}:
            error.filename = str(path)
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, or leave what was there.

    Raises:
        OSError: The disk does not take it.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def temporary_folder(use: str) -> Generator[Path]:
    """A folder that goes with the block, and where the process is killed, with the next one for the same use.

    Args:
        use: What it is for, a word.
    """
    _remove_orphans(Path(tempfile.gettempdir()), f"mer-{use}-*")
    with tempfile.TemporaryDirectory(prefix=f"mer-{use}-{_owner()}", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _owner() -> str:
    """Says in a name who wrote it: this machine since it started, as processes of one container see it, and process."""
    return f"{_machine()}-{os.getpid()}-"


@cache
def _machine() -> str:
    said = platform.node()
    with suppress(OSError):
        said += Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        # two containers number their processes alike
        said += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(said.encode()).hexdigest()[:8]


@cache
def _remove_orphans(folder: Path, names: str) -> None:
    """Remove what killed processes of this machine left in a folder; once is enough."""
    with suppress(OSError):
        for path in folder.glob(names):
            found = _OWNER.match(path.name)
            if found and found["machine"] == _machine() and not _is_running(int(found["process"])):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        # there the question would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
