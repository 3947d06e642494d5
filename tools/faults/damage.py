"""Ways in which any file can be damaged."""

from __future__ import annotations

import gzip
import random
import shutil
from typing import TYPE_CHECKING

from tools.faults.planting import COPY, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tools.faults.planting import Area

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to download</body></html>\n"
_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
FLIP, JUNK, CUT = "a flipped bit", "bytes behind its end", "cut in half"


def _rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _inserted(content: bytes, what: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + what + content[middle:]


def _in_place(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def plant(path: Path) -> None:
        path.unlink()
        make(path)

    return plant


def _linked_out(path: Path) -> None:
    copy = next(parent for parent in path.parents if parent.name.startswith(COPY))
    outside = copy.parent / f"outside-{copy.name}-{path.name}"
    shutil.move(path, outside)
    path.symlink_to(outside)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    CUT: _rewrite(lambda content: content[: len(content) // 2]),
    "without its last 16 bytes": _rewrite(lambda content: content[:-16]),
    "zeros": _rewrite(lambda content: bytes(len(content))),
    "random bytes": _rewrite(lambda content: random.Random(0).randbytes(len(content))),
    "gone": lambda path: path.unlink(),
    "a folder in its place": _in_place(lambda path: path.mkdir()),
    "a link that leads nowhere": _in_place(lambda path: path.symlink_to("nowhere")),
    "a link to itself": _in_place(lambda path: path.symlink_to(path.name)),
    "a link out of its folder": _linked_out,
    "a web page in its place": lambda path: path.write_bytes(_PAGE),
    "a pointer of Git LFS": lambda path: path.write_bytes(_POINTER),
    "in UTF-16": _rewrite(lambda content: content.decode("latin-1").encode("utf-16")),
    "a byte order mark before it": _rewrite(lambda content: b"\xef\xbb\xbf" + content),
    "line ends of Windows": _rewrite(lambda content: content.replace(b"\n", b"\r\n")),
    "a byte that is no UTF-8": _rewrite(lambda content: _inserted(content, b"\xff")),
    "a zero byte": _rewrite(lambda content: _inserted(content, b"\0")),
    FLIP: _rewrite(_flipped),
    JUNK: _rewrite(lambda content: content + b"\x00\xffjunk"),
    "twice, one behind the other": _rewrite(lambda content: content * 2),
    "compressed by gzip": _rewrite(lambda content: gzip.compress(content, mtime=0)),
}
"""By the name that the table has of it."""


def damages(area: Area) -> Iterator[Fault]:
    """Every way in which the files of an area are damaged."""
    for called, place in area.targets.items():
        for name, spoil in DAMAGE.items():
            if name not in area.spared:
                yield Fault(f"{called}: {name}", _on(place, spoil))


def _on(place: str, spoil: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: spoil(folder / place)
