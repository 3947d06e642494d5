"""``mer-bench data index``: a first draft of a table of clips."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.files import write_text
from mer_lightning.types import DataError, one_line

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from mer_lightning.datasets.clip_index import Draft


def add_index_command(parts: Commands) -> None:
    """Register ``index``; it sets ``handler``."""
    index = parts.add_parser("index", help="draft a table of clips (CSV) from a tree of folders and videos")
    index.add_argument("folder", type=Path, help="where the clips lie, as folders of frames or videos")
    index.add_argument("--out", type=Path, metavar="CSV", help="the table to write (default: clips.csv in the folder)")
    index.add_argument("--replace", action="store_true", help="replace a table that is there")
    index.set_defaults(handler=_index)


def _index(arguments: argparse.Namespace) -> int:
    from mer_lightning.datasets.clip_index import draft_clips
    from mer_lightning.datasets.clips import CLIPS_FILE

    out: Path = arguments.out or arguments.folder / CLIPS_FILE
    if out.suffix.lower() != ".csv":
        raise DataError(f"--out {out}: expected a file <name>.csv")
    if out.exists() and not (arguments.replace and out.is_file()):
        raise DataError(f"{out}: is there already; expected another --out, or --replace to lose what is in it")
    draft = draft_clips(arguments.folder, out)
    replaced = out.exists()
    write_text(out, draft.text)
    _say_drafted(draft, out, replaced=replaced)
    return 0


def _say_drafted(draft: Draft, out: Path, *, replaced: bool) -> None:
    people = {clip.subject for clip in draft.clips if clip.subject}
    labels = Counter(clip.label for clip in draft.clips if clip.label)
    print(
        one_line(f"{out}: {'replaced' if replaced else 'written'}, {len(draft.clips)} clips of {len(people)} subjects")
    )
    if labels:
        print(one_line("  labels " + ", ".join(f"{name} {count}" for name, count in sorted(labels.items()))))
    for remark in draft.remarks:
        print(one_line(f"  {remark}"))
    print(one_line(f"next: look through it, then mer-bench data verify {shlex.quote(str(out))}"))
