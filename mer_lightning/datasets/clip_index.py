"""A first draft of a table of clips: what a tree of folders and videos shows of them, and what it cannot know."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mer_lightning.datasets.clip_rows import COLUMNS
from mer_lightning.datasets.database import registered
from mer_lightning.datasets.paths import expanded, inside, relative, safe_name, walk
from mer_lightning.types import DataError
from mer_lightning.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES, look_at_videos, number_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_DEPTH = 8
_EMOTIONS = (
    "anger angry disgust disgusted contempt fear fearful afraid happy happiness joy sad sadness surprise surprised "
    "neutral negative positive repression tense others other non-micro micro-neutral"
)
_PERSON = re.compile(r"(?i)(s|sub|subj|subject|p|person|participant|pt|id|user|spno\.)?[ _.-]*\d+")


@dataclass(frozen=True, slots=True)
class Drafted:
    """One clip that was found.

    Attributes:
        path: Its folder or video, from the folder of the table on.
        subject: Who seems to be in it; empty where no folder tells.
        label: What seems to be shown; empty where no folder tells.
        clip: Its name, which no other clip of the subject has.
        fps: Frames a second that a video states; empty else.
    """

    path: str
    subject: str
    label: str
    clip: str
    fps: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of a table of clips.

    Attributes:
        clips: What was found, in the natural order of the folders.
        remarks: What it could not know, and what was left out, in words.
    """

    clips: tuple[Drafted, ...]
    remarks: tuple[str, ...]

    @property
    def text(self) -> str:
        """The table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = [column.name for column in COLUMNS[:7]]
        fps = ["fps"] * any(clip.fps for clip in self.clips)
        writer.writerow([*names, *fps])
        for clip in self.clips:
            cells = {
                "path": clip.path,
                "subject": clip.subject,
                "label": clip.label,
                "clip": clip.clip,
                "fps": clip.fps,
            }
            writer.writerow([cells.get(name, "") for name in [*names, *fps]])
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class _Found:
    """A clip before its folders are told apart; ``above`` are the names of those between root and clip."""

    path: Path
    above: tuple[str, ...]


def draft_clips(folder: Path, out: Path) -> Draft:
    """Draft the table of the clips in a tree: every folder of images, and every video, is one.

    Args:
        folder: Where to look, eight levels down.
        out: Where the table will lie: in the folder, or above it.

    Raises:
        DataError: There is no such folder, no clip is in it, a link leads out of it, or the table would lie elsewhere.
    """
    root = expanded(folder)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one with clips in it")
    root, base = root.resolve(), expanded(out).resolve().parent
    if not root.is_relative_to(base):
        raise DataError(f"{out}: expected a place in {root} or above it, since a table names what lies in its folder")
    remarks: list[str] = []
    found = list(_find_drafts(root, remarks))
    if not found:
        images, videos = ", ".join(IMAGE_SUFFIXES), ", ".join(VIDEO_SUFFIXES)
        raise DataError(f"{root}: no clip in it; expected folders of images ({images}), or videos ({videos})")
    told = _told_apart(found)
    clips = _with_names([Drafted(relative(base, one.path), *told[one.path], clip="") for one in found])
    looks = [one.path for one in found if one.path.is_file()]
    rates: dict[str, str] = {}
    for path, look in zip(looks, look_at_videos(looks), strict=True):
        if look.error:
            remarks.append(f"{relative(base, path)}: cannot be read as video ({look.error})")
        rates[relative(base, path)] = f"{look.fps:g}" if look.fps else ""
    clips = [replace(clip, fps=rates.get(clip.path, "")) for clip in clips]
    return Draft(tuple(clips), (*_unknown(clips), *remarks))


def _find_drafts(root: Path, remarks: list[str]) -> Iterable[_Found]:
    for folder, folders, files in walk(root, _DEPTH):
        above = folder.relative_to(root).parts
        images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        if images and above:
            where = relative(root, folder)
            try:
                number_frames(images, where)
            except DataError as error:
                remarks.append(f"{error}; the clip is left out")
            else:
                if folders:
                    remarks.append(f"{where}: holds folders beside its {len(images)} images; it is taken as a clip too")
                yield from _nameable(root, [_Found(folder, above[:-1])], remarks)
        elif images:
            remarks.append(f"{root}: {len(images)} images lie in the folder itself; expected a folder for each clip")
        yield from _nameable(root, [_Found(video, above) for video in videos], remarks)


def _nameable(root: Path, found: Iterable[_Found], remarks: list[str]) -> Iterable[_Found]:
    """Those whose every name can stand in a table."""
    for one in found:
        try:
            inside(root, one.path)
            for name in (*one.above, one.path.name):
                if safe_name(name, "name") != name:
                    raise DataError(f"name {name!r} has blanks around it")
            yield one
        except DataError as error:
            remarks.append(f"{relative(root, one.path)}: {error}; the clip is left out")


def _told_apart(found: Sequence[_Found]) -> dict[Path, tuple[str, str]]:
    """Subject and label of each clip, by which level of folders looks like which, for clips of one depth together."""
    words = _emotion_words()
    told: dict[Path, tuple[str, str]] = {}
    depths: dict[int, list[_Found]] = defaultdict(list)
    for one in found:
        depths[len(one.above)].append(one)
    for depth, clips in depths.items():
        levels = [[clip.above[level] for clip in clips] for level in range(depth)]
        labels = [level for level in range(depth) if all(name.casefold() in words for name in levels[level])]
        label = labels[-1] if labels else _label_level(levels)
        others = [level for level in range(depth) if level != label]
        people = [level for level in others if all(_PERSON.fullmatch(name) for name in levels[level])]
        # folders around all clips say nothing of anybody, unless there are no others
        apart = [level for level in others if len(set(levels[level])) > 1]
        subject = next(iter(people or apart or others), None)
        for clip in clips:
            told[clip.path] = (
                "" if subject is None else clip.above[subject],
                "" if label is None else clip.above[label].lower(),
            )
    return told


def _label_level(levels: Sequence[Sequence[str]]) -> int | None:
    """The level of labels in words of their own: few names without numbers that come back under other folders."""
    for level, names in enumerate(levels):
        others = [other for other in range(len(levels)) if other != level]
        if not others or any(re.search(r"\d", name) for name in names) or len(set(names)) < 2:
            continue
        people = min(others, key=lambda other: not all(_PERSON.fullmatch(name) for name in levels[other]))
        together = Counter(name for name, _ in {(names[i], levels[people][i]) for i in range(len(names))})
        if max(together.values()) > 1 and len(set(names)) <= len(set(levels[people])):
            return level
    return None


def _emotion_words() -> set[str]:
    native = {name for release in registered().releases.values() for name in release.classes}
    return {word.casefold() for word in (*_EMOTIONS.split(), *native)}


def _with_names(clips: Iterable[Drafted]) -> list[Drafted]:
    """Names of clips: that of their folder or video, with the folders before it where a subject has it twice."""
    clips = list(clips)
    names = [_last(clip.path, 1) for clip in clips]
    for parts in range(2, _DEPTH + 2):
        taken = Counter((clip.subject, name) for clip, name in zip(clips, names, strict=True))
        names = [
            name if taken[clip.subject, name] == 1 else _last(clip.path, parts)
            for clip, name in zip(clips, names, strict=True)
        ]
    return [replace(clip, clip=name) for clip, name in zip(clips, names, strict=True)]


def _last(path: str, parts: int) -> str:
    *above, last = path.split("/")
    stem, dot, suffix = last.rpartition(".")
    name = stem if f"{dot}{suffix}".lower() in VIDEO_SUFFIXES else last
    return "-".join([*above, name][-parts:])


def _unknown(clips: Sequence[Drafted]) -> list[str]:
    remarks = [
        f"{column}: empty in {empty} of {len(clips)} rows; no folder tells, fill it in"
        for column in ("subject", "label")
        if (empty := sum(not getattr(clip, column) for clip in clips))
    ]
    remarks.append(
        "onset and offset: empty, so the whole clip is taken; fill both in where only a part is the expression"
    )
    remarks.append("apex: empty; the suite's source says whether the middle frame is taken or it is spotted")
    return remarks
