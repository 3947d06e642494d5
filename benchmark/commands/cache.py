"""``mer-bench cache``: what is kept of representations computed from frames, and making room."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.places import workspace
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from benchmark.commands.options import Commands

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_DAY = 86400


def add_cache_commands(commands: Commands) -> None:
    """Register ``cache`` with its commands; every one sets ``handler``."""
    parser = commands.add_parser("cache", help="computed representations: list, prune")
    parts = parser.add_subparsers(dest="cache_command", required=True, metavar="COMMAND")
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument(
        "--cache",
        type=Path,
        default=workspace().runs / "cache",
        metavar="DIR",
        help="folder of the cache (default: %(default)s)",
    )

    listed = parts.add_parser("list", parents=[place], help="show what is kept, by when it was last used")
    listed.set_defaults(handler=_list_entries)

    pruned = parts.add_parser(
        "prune", parents=[place], help="remove what was not used for longest; whatever is needed is computed again"
    )
    pruned.add_argument("--unused-for", metavar="DAYS", help="remove what was not used for so many days")
    pruned.add_argument("--largest-total", metavar="SIZE", help="then remove until this much is left, e.g. 500M or 2G")
    pruned.set_defaults(handler=_prune)


def _list_entries(arguments: argparse.Namespace) -> int:
    from mer_lightning.motion.cache import Cache

    entries = list(Cache(_folder(arguments.cache)).entries())
    now = time.time()
    print(f"{arguments.cache}: {_count_entries(len(entries))}, {_readable(sum(entry.size for entry in entries))}")
    for name, oldest, newest in (
        ("used within a day", 0, 1),
        ("within a week", 1, 7),
        ("within a month", 7, 30),
        ("longer ago", 30, float("inf")),
    ):
        sizes = [entry.size for entry in entries if oldest <= max(now - entry.used, 0) / _DAY < newest]
        if sizes:
            print(f"  {name:18} {_count_entries(len(sizes))}, {_readable(sum(sizes))}")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from mer_lightning.motion.cache import Cache

    if arguments.unused_for is None and arguments.largest_total is None:
        raise DataError("cache prune: give --unused-for DAYS, --largest-total SIZE or both")
    since = None if arguments.unused_for is None else time.time() - _days(arguments.unused_for) * _DAY
    largest = None if arguments.largest_total is None else _byte_count(arguments.largest_total)
    cache = Cache(_folder(arguments.cache))
    removed = cache.prune(unused_since=since, largest_total=largest)
    left = list(cache.entries())
    gone, kept = (sum(entry.size for entry in entries) for entries in (removed, left))
    print(
        f"{arguments.cache}: removed {_count_entries(len(removed))}, {_readable(gone)}; "
        f"left {_count_entries(len(left))}, {_readable(kept)}"
    )
    return 0


def _folder(path: Path) -> Path:
    # a cache that nothing was written to yet has no folder
    if path.exists() and not path.is_dir():
        raise DataError(f"--cache {path}: expected a folder")
    return path


def _days(text: str) -> float:
    if not re.fullmatch(r"\d{1,15}(\.\d+)?", text):
        raise DataError(f"--unused-for {text}: expected a number of days, e.g. 30")
    return float(text)


def _byte_count(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    if match is None:
        raise DataError(f"--largest-total {text}: expected a number of bytes, or one with K, M, G or T, e.g. 500M")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _count_entries(entries: int) -> str:
    return f"{entries} entr{'y' if entries == 1 else 'ies'}"


def _readable(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
