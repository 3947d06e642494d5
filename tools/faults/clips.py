"""Clips of a user: a table of them, and folders of flow maps."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from tools.faults.common import TEXT_SPARED, contents_of, draw_frame, edits, pictures
from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TITLES = "path,subject,label,onset,apex,offset,clip,database,fps"
ROWS = (
    "a/one,p1,happy,1,3,5,,lab,100",
    "b/two,p2,sad,40,42,44,,lab,100",
    "c/three,p3,happy,1,3,5,,lab,100",
    "d/four,p3,sad,1,4,5,,lab,100",
)


def write_clips(folder: Path) -> None:
    """Write four clips of three people, and the table of them."""
    for number, (place, first) in enumerate((("a/one", 1), ("b/two", 40), ("c/three", 1), ("d/four", 1))):
        (folder / place).mkdir(parents=True)
        for frame in range(first, first + 5):
            draw_frame(100 * number + frame).save(folder / place / f"img{frame}.png")
    (folder / "clips.csv").write_text("\n".join((TITLES, *ROWS)) + "\n", encoding="utf-8")


def _lab_protocol() -> Any:  # noqa: ANN401 - a Protocol
    from mer_lightning.protocols.definition import Definition, Expected

    return Definition(
        name="faults",
        title="Faults",
        classes=("happy", "sad"),
        labels={"lab": {"happy": "happy", "sad": "sad"}},
        expected={"lab": Expected(clips={"happy": 2, "sad": 2}, subjects=3)},
    ).protocol()


def _read_clips(folder: Path) -> Seen:
    from mer_lightning.datasets.clips import OwnClips, find_table, read_clip_table

    table = read_clip_table(find_table(folder))
    clips = OwnClips(table)
    labels = _lab_protocol().label(clips).labels
    return Seen((contents_of(clips), labels), tuple(map(str, table.found.remarks)))


def clip_table() -> Area:
    """A table of clips, and their frames."""
    rows = edits(
        "clips.csv",
        (
            ("two columns of one title", ",clip,", ",label,"),
            ("two columns of one title but for case", ",clip,", ",LABEL,"),
            ("a column that nobody knows", "fps", "mood"),
            ("a title that is misspelt", "onset", "onsett"),
            ("no header", f"{TITLES}\n", ""),
            ("a row too short", ",40,42,44,,lab,100", ",40,42"),
            ("a row too long", ",40,42,44,,lab,100", ",40,42,44,,lab,100,1,2,3"),
            ("an empty row", "b/two", "\nb/two"),
            ("a comment", "b/two", "# two\nb/two"),
            ("a quote that stays open", "b/two", '"b/two'),
            ("semicolons in one row", "b/two,p2,sad", "b/two;p2;sad"),
            ("a label that is unknown", "p2,sad", "p2,sadness"),
            ("a label in capitals", "p2,sad", "p2,SAD"),
            ("a label with blanks around", "p2,sad", "p2, sad "),
            ("a label that is empty", "p2,sad", "p2,"),
            ("a label that looks like another", "p2,sad", "p2,sаd"),
            ("another label of the protocol", "p2,sad", "p2,happy"),
            ("a subject that is empty", ",p2,", ",,"),
            ("a subject in capitals beside the same", "d/four,p3", "d/four,P3"),
            ("a subject with a zero beside the same", "d/four,p3", "d/four,p03"),
            ("a subject in wide letters beside the same", "d/four,p3", "d/four,ｐ3"),
            ("a subject in other digits beside the same", "d/four,p3", "d/four,p٣"),
            ("a subject with a slash", ",p2,", ",p/2,"),
            ("a subject that is ..", ",p2,", ",..,"),
            ("a subject with a line break", ",p2,", ',"p\n2",'),
            ("a path that is not there", "b/two", "b/too"),
            ("a path out of the folder", "b/two", "../two"),
            ("a path from the root", "b/two", "/b/two"),
            ("a path with backslashes", "b/two", "b\\two"),
            ("a path of a picture", "b/two", "b/two/img40.png"),
            ("a path of another clip", "b/two,p2,sad,40,42,44", "a/one,p2,sad,1,3,5"),
            ("an onset after the offset", "40,42,44", "44,42,40"),
            ("an onset before the first frame", "40,42,44", "39,42,44"),
            ("an offset behind the last frame", "40,42,44", "40,42,45"),
            ("an apex before the onset", "40,42,44", "40,39,44"),
            ("an apex behind the offset", "40,42,44", "40,45,44"),
            ("an apex that is the onset", "40,42,44", "40,40,44"),
            ("an apex that is the offset", "40,42,44", "40,44,44"),
            ("an onset that is empty", "40,42,44", ",42,44"),
            ("a frame that is negative", "40,42,44", "-40,42,44"),
            ("a frame that is a fraction", "40,42,44", "40.5,42,44"),
            ("a frame that is a text", "40,42,44", "forty,42,44"),
            ("a frame that is infinite", "40,42,44", "inf,42,44"),
            ("a frame of many digits", "40,42,44", "4" + "0" * 30 + ",42,44"),
            ("a frame that is 40.0", "40,42,44", "40.0,42.0,44.0"),
            ("frames a second that are 0", "lab,100", "lab,0"),
            ("frames a second that are no number", "lab,100", "lab,nan"),
            ("a database that is another", ",lab,100", ",lob,100"),
            ("a database with a slash", ",lab,100", ",l/b,100"),
            ("a database of pre-training", ",lab,100", ",fer2013,100"),
            ("a clip with two names", "44,,lab", "44,a/b,lab"),
            ("two clips of one name", "d/four,p3,sad,1,4,5,,", "d/four,p3,sad,1,4,5,three,"),
        ),
    )
    frames = (
        Fault("one subject less", _renamed_subject),
        Fault("a frame twice, as .png and .jpg", lambda f: draw_frame(1).save(f / "a/one/img2.jpg")),
        Fault("a frame twice, under two names", lambda f: shutil.copy(f / "a/one/img2.png", f / "a/one/other2.png")),
        Fault("a frame with the number of another", lambda f: (f / "a/one/img3.png").rename(f / "a/one/img2x2.png")),
        Fault("a frame without number", lambda f: (f / "a/one/img3.png").rename(f / "a/one/last.png")),
        Fault(
            "a frame of another clip beside them", lambda f: shutil.copy(f / "b/two/img40.png", f / "a/one/img9.png")
        ),
        Fault("a picture of the folder, hidden", lambda f: draw_frame(1).save(f / "a/one/.thumb3.png")),
        Fault("a clip of somebody else", partial(_copy_clip, source="a/one", target="c/three")),
    )
    return Area(
        "table of clips",
        write_clips,
        _read_clips,
        {"table": "clips.csv", "frame": "b/two/img42.png"},
        TEXT_SPARED,
        # a frame that was saved as a JPEG on the way is another frame, which is read as any other
        (*rows, *frames, *(f for f in pictures("frame", "b/two/img42.png") if "JPEG" not in f.name)),
    )


def _renamed_subject(folder: Path) -> None:
    table = folder / "clips.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",p3,", ",p2,"), encoding="utf-8")


def _copy_clip(folder: Path, source: str, target: str) -> None:
    for number in range(1, 6):
        shutil.copy(folder / source / f"img{number}.png", folder / target / f"img{number}.png")


_MAPS = (("p1", "happy", "p1_a"), ("p1", "sad", "p1_b"), ("p2", "happy", "p2_a"), ("p3", "sad", "p3_b"))


def _write_maps(folder: Path) -> None:
    for number, (subject, label, clip) in enumerate(_MAPS):
        place = folder / subject / "u_test" / label
        place.mkdir(parents=True)
        draw_frame(number).save(place / f"{clip}.png")


def _read_maps(folder: Path) -> Seen:
    from mer_lightning.datasets.flow_folders import FlowFolders, FlowLayout

    layout = FlowLayout("lab", {"happy": "happy", "sad": "sad"}, {"lab": r"p\w+"})
    maps = FlowFolders(folder, layout)
    return Seen((contents_of(maps), _lab_protocol().label(maps).labels))


def flow_maps() -> Area:
    """Folders of flow maps."""
    place = "p1/u_test/happy/p1_a.png"

    def move(source: str, target: str) -> Callable[[Path], object]:
        def plant(folder: Path) -> None:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / source).rename(folder / target)

        return plant

    def copy(target: str) -> Callable[[Path], object]:
        def plant(folder: Path) -> None:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / place, folder / target)

        return plant

    faults = (
        Fault("a map that lies with another subject", move(place, "p2/u_test/happy/p1_a.png")),
        Fault("a map under another label", move(place, "p1/u_test/sad/p1_a.png")),
        Fault("a map under a label that is unknown", move(place, "p1/u_test/joy/p1_a.png")),
        Fault("a map under two labels", copy("p1/u_test/sad/p1_a.png")),
        Fault("a map twice, with a blank before the ending", copy("p1/u_test/happy/p1_a .png")),
        Fault("a map twice, in capitals", copy("p1/u_test/happy/p1_A.png")),
        Fault("a map twice, in wide letters", copy("p1/u_test/happy/p1_ａ.png")),
        Fault("a map of two subjects", copy("p3/u_test/happy/p3_a.png")),
        Fault("a map beside the labels", copy("p1/u_test/p1_c.png")),
        Fault("a map beside the subjects", copy("p1_c.png")),
        Fault("a map that is called .jpg", move(place, "p1/u_test/happy/p1_a.jpg")),
        Fault("a text beside the maps", lambda f: (f / "p1/u_test/happy/notes.txt").write_text("x")),
        Fault("a hidden file beside the maps", lambda f: (f / "p1/u_test/happy/.DS_Store").write_bytes(b"x")),
        Fault("a folder among the maps", lambda f: (f / "p1/u_test/happy/x.png").mkdir()),
        Fault("a subject without maps", lambda f: (f / "p4/u_test").mkdir(parents=True)),
        Fault("a subject without halves", lambda f: (f / "p4").mkdir()),
        Fault("a subject twice, in wide letters", copy("p１/u_test/happy/x.png")),
        Fault("a subject twice, with a zero", copy("p01/u_test/happy/x.png")),
        Fault("a subject twice, in other digits", copy("p١/u_test/happy/x.png")),
        Fault("a subject of another database", copy("sub01/u_test/happy/x.png")),
        Fault("a subject that is gone", lambda f: shutil.rmtree(f / "p3")),
        Fault("a label that is gone", lambda f: shutil.rmtree(f / "p1/u_test/sad")),
        Fault("everything one folder deeper", partial(_deeper)),
        Fault("no folder at all", lambda f: [shutil.rmtree(f / name) for name in ("p1", "p2", "p3")]),
        Fault("what others train on beside it", copy("p1/u_train/happy/p2_a.png")),
    )
    return Area(
        "folders of flow maps",
        _write_maps,
        _read_maps,
        {"map": place},
        frozenset(),
        (*faults, *pictures("map", place)),
    )


def _deeper(folder: Path) -> None:
    (folder / "maps").mkdir()
    for name in ("p1", "p2", "p3"):
        (folder / name).rename(folder / "maps" / name)
