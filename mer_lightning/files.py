"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Write a file beside its place; it takes that place when it is on the disk, and is gone after an exception.

    Several processes may write one file: each writes its own, and the last one stays.

    Args:
        path: The place; its folder is made.

    Yields:
        Where to write. The file is made by whoever writes it, so that the umask decides who may read it.

    Raises:
        OSError: The disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        # whoever reads the message knows the place, not what lay beside it
        if isinstance(error, OSError) and str(error.filename) == str(part):
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
