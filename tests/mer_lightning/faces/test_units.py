"""Action units that OpenFace has measured, per frame and from onset to apex."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mer_lightning.faces.openface import import_openface, read_openface
from mer_lightning.faces.units import Units, read_units, unit_changes, unit_names, write_unit_changes, write_units
from mer_lightning.types import DataError, Sample
from tests.mer_lightning.faces.test_openface import TITLES, row, write

NAMES = ("AU01_r", "AU12_r", "AU12_c", "AU45_c")
SAMPLE = Sample("casme2", "sub01", "EP02_01", "happiness", onset=8, apex=10, offset=11)
# another order than ours, and a column that is a unit only by its looks
MEASURED = [*TITLES, "AU12_c", "AU12_r", "AU01_r", "AU1_r"]


def measured(frame, smile, *, brow=0.0, present=1, **options):
    return [*row(frame, **options), present, smile, brow, "?"]


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "base" / "sub01" / "EP02_01"
    folder.mkdir(parents=True)
    for number in range(8, 12):
        Image.new("L", (8, 8)).save(folder / f"img{number:02d}.png")
    return replace(SAMPLE, path=folder)


def imported(tmp_path, *samples):
    units = tmp_path / "units.csv"
    prepared = import_openface(samples, tmp_path / "base", tmp_path / "of", tmp_path / "landmarks.csv", units)
    return prepared, read_units(units)


class TestImported:
    def test_are_kept_by_frame_beside_the_landmarks(self, tmp_path, clip):
        write(tmp_path / "of" / "EP02_01.csv", [measured(n, n / 2) for n in range(1, 5)], MEASURED)
        prepared, units = imported(tmp_path, clip)
        assert units.names == prepared.units == NAMES
        assert units.of(clip, 8) == (0.0, 0.5, 1.0, 0.0)
        assert sorted(units.frames[clip.key]) == [8, 9, 10, 11]

    def test_are_those_of_the_surest_face(self, tmp_path, clip):
        rows = [measured(1, 1, confidence=0.5), measured(1, 2, face=1, confidence=0.9)]
        rows += [measured(2, 0, success=0), *[measured(n, 0) for n in (3, 4)]]
        write(tmp_path / "of" / "EP02_01.csv", rows, MEASURED)
        _, units = imported(tmp_path, clip)
        assert units.of(clip, 8)[1] == 2
        assert units.of(clip, 9) is None

    def test_are_not_needed(self, tmp_path, clip):
        titles = [title for title in TITLES if title != "AU45_c"]
        write(tmp_path / "of" / "EP02_01.csv", [row(n)[:-1] for n in range(1, 5)], titles)
        prepared = import_openface([clip], tmp_path / "base", tmp_path / "of", tmp_path / "l.csv", tmp_path / "u.csv")
        assert prepared.units == ()
        assert not (tmp_path / "u.csv").exists()

    def test_of_two_programs_are_refused(self, tmp_path, clip):
        other = replace(clip, subject="sub02")
        write(tmp_path / "of" / "sub01_EP02_01.csv", [measured(n, 0) for n in range(1, 5)], MEASURED)
        write(tmp_path / "of" / "sub02_EP02_01.csv", [row(n) for n in range(1, 5)])
        with pytest.raises(DataError, match=r"sub02_EP02_01\.csv: other action units than in the files before"):
            imported(tmp_path, clip, other)
        assert not (tmp_path / "landmarks.csv").exists()

    @pytest.mark.parametrize(
        ("cell", "value", "says"),
        [(-3, 5.1, "AU12_r is '5.1'; expected an intensity of 0 to 5"), (-4, 0.5, "AU12_c is '0.5'; expected 0 or 1")],
    )
    def test_that_cannot_be_are_refused_by_their_row(self, tmp_path, cell, value, says):
        line = measured(1, 0)
        line[cell] = value
        with pytest.raises(DataError, match=f"row 2: {says}"):
            read_openface(write(tmp_path / "a.csv", [line], MEASURED))


@given(
    st.dictionaries(
        st.integers(0, 999),
        st.tuples(*[st.floats(0, 5, width=16)] * 2, *[st.sampled_from([0.0, 1.0])] * 2),
        min_size=1,
    )
)
def test_what_is_written_is_read_again(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("u") / "units.csv"
    units = Units(NAMES, {SAMPLE.key: frames})
    assert write_units(path, units, [SAMPLE]) == len(frames)
    read = read_units(path)
    assert read.names == NAMES
    assert read.frames[SAMPLE.key].keys() == frames.keys()
    for frame, values in frames.items():
        assert read.of(SAMPLE, frame) == pytest.approx(values, rel=1e-5, abs=1e-9)


BAD = {
    "database,subject,clip,frame": "row 1: expected database, subject, clip, frame, AU01_r",
    "database,subject,clip,frame,AU01_r,mood": "row 1: expected database",
    "database,subject,clip,frame,AU01_r\nx,y,z,1": "row 2: expected 5 cells, found 4",
    "database,subject,clip,frame,AU01_r\nx,y,z,one,1": "row 2: frame is 'one'; expected a whole number",
    "database,subject,clip,frame,AU01_r\nx,,z,1,1": "row 2: database, subject and clip must not be empty",
    "database,subject,clip,frame,AU01_r\nx,y,z,1,nan": "row 2: AU01_r is 'nan'; expected an intensity",
    "database,subject,clip,frame,AU01_r\nx,y,z,1,1\nx,y,z,01,1": "row 3: frame 1 of x/y/z is given twice",
}


@pytest.mark.parametrize("text", BAD)
def test_another_file_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        read_units(tmp_path / "u.csv")
    assert f"u.csv {BAD[text]}" in str(refused.value)


class TestChanges:
    def test_are_apex_minus_onset_of_each_clip(self, tmp_path):
        units = Units(("AU12_r", "AU12_c"), {SAMPLE.key: {8: (0.5, 0.0), 10: (2.25, 1.0)}})
        changes = unit_changes(units, [SAMPLE, replace(SAMPLE, clip="EP03", apex=None), replace(SAMPLE, clip="EP04")])
        write_unit_changes(tmp_path / "c.csv", units.names, changes)
        one, without = csv.DictReader((tmp_path / "c.csv").open())
        assert (one["clip"], one["onset"], one["apex"], one["label"]) == ("EP02_01", "8", "10", "happiness")
        assert [one[f"AU12_r_{end}"] for end in ("onset", "apex", "change")] == ["0.5", "2.25", "1.75"]
        assert (without["clip"], without["AU12_r_change"]) == ("EP04", "")


def test_intensities_come_before_presences():
    assert unit_names(["AU45_c", " AU01_r", "AU12_c", "AU01_r", "pose", "AU12_r"]) == NAMES
