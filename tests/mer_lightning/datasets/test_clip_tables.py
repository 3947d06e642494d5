"""A table of clips is read as it says, or every mistake in it is named with row and column."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer_lightning.datasets.clips import OwnClips, find_table, read_clip_table, verify_clips
from mer_lightning.datasets.manifest import MANIFEST
from mer_lightning.types import DataError
from tests.own_clips import TITLES, draw_frames, write_frames, write_table, write_video


@pytest.fixture
def lab(tmp_path):
    """Two clips in folders, of frames 1 to 5 and 40 to 44, and one in a video."""
    write_frames(tmp_path / "a" / "one", draw_frames("happy", 1))
    write_frames(tmp_path / "b" / "two", draw_frames("sad", 2), first=40)
    write_video(tmp_path / "b" / "three.avi", draw_frames("sad", 3))
    return tmp_path


def problems(path, database=""):
    return [str(problem) for problem in read_clip_table(path, database).found.problems]


GOOD = ("a/one,p1,happy,,,,", "b/two,p2,sad,40,42,44,", "b/three.avi,p2,Sad,2,,4,third")


class TestATable:
    def test_gives_clips_with_names_labels_and_frames(self, lab):
        clips = OwnClips(read_clip_table(write_table(lab / "mylab.csv", *GOOD)))
        said = [(s.key, s.emotion, s.onset, s.apex, s.offset) for s in clips.samples]
        assert said == [
            ("mylab/p1/one", "happy", 1, 3, 5),
            ("mylab/p2/third", "sad", 2, 3, 4),
            ("mylab/p2/two", "sad", 40, 42, 44),
        ]
        assert (clips.name, clips.kind, clips.synthetic) == ("mylab", "frames", False)
        assert clips.choices == {"apex": "annotated, 2 middle_frame"}
        assert (clips.read(clips.samples[0]) == draw_frames("happy", 1)).all()
        assert (clips.read(clips.samples[1]) == draw_frames("sad", 3)[1:4]).all()

    def test_of_which_videos_are_whole_counts_their_frames(self, lab):
        table = write_table(lab / "mylab.csv", "b/three.avi,p2,sad,,,,")
        (sample,) = OwnClips(read_clip_table(table), "spotted").samples
        assert (sample.onset, sample.apex, sample.offset) == (1, None, 5)

    def test_is_found_in_its_folder(self, lab):
        table = write_table(lab / "clips.csv", *GOOD)
        assert find_table(lab) == find_table(table) == table
        with pytest.raises(DataError, match=r"no such table of clips; expected a \.csv file"):
            find_table(lab / "a")

    def test_may_name_databases_units_and_rates(self, lab):
        titles = "path,subject,label,onset,apex,offset,database,Action Units,fps,mood"
        table = write_table(
            lab / "x.csv",
            "a/one,p1,happy,,,,one,4+L10,50",
            "b/two,p1,sad,,,,two,,29.97",
            "b/three.avi,2,sad,,,,two,,",
            titles=titles,
        )
        read = read_clip_table(table)
        clips = OwnClips(read)
        assert clips.name == "one+two"
        assert clips.samples[0].action_units == "4+L10"
        assert clips.choices["fps"] == "29.97, 50"
        assert [str(remark) for remark in read.found.remarks] == ["x.csv: column mood is not read"]

    def test_may_be_separated_by_semicolons(self, lab):
        table = write_table(lab / "x.csv", *(row.replace(",", ";") for row in GOOD), titles=TITLES.replace(",", ";"))
        assert len(OwnClips(read_clip_table(table)).samples) == 3

    def test_of_a_twin_says_that_nobody_was_recorded(self, lab):
        (lab / MANIFEST).write_text("{}")
        assert OwnClips(read_clip_table(write_table(lab / "x.csv", *GOOD))).synthetic

    def test_may_have_the_name_of_a_database_whose_labels_it_has(self, lab):
        rows = ["a/one,s01,positive,,,,", "b/two,s02,negative,,,,"]
        assert OwnClips(read_clip_table(write_table(lab / "x.csv", *rows), "smic")).name == "smic"
        (said,) = problems(write_table(lab / "x.csv", "a/one,s01,happy,,,,"), "smic")
        assert said.startswith("x.csv row 2: label 'happy' is none of smic")
        assert "expected one of negative, positive, surprise" in said

    def test_has_a_digest_of_what_it_says_and_not_of_how(self, lab):
        one = read_clip_table(write_table(lab / "x.csv", *GOOD)).release
        assert read_clip_table(write_table(lab / "x.csv", *reversed(GOOD))).release == one
        other = read_clip_table(write_table(lab / "x.csv", *GOOD[:2], GOOD[2].replace(",4,", ",3,")))
        assert other.release != one


class TestAMistake:
    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ("a/nothing,p1,happy,,,,", "path 'a/nothing' does not exist"),
            ("a/one/img1.png,p1,happy,,,,", "path 'a/one/img1.png' is neither a folder of frames nor a video"),
            ("../a/one,p1,happy,,,,", "path '../a/one': expected names with / between them"),
            ("/etc,p1,happy,,,,", "path '/etc': expected names"),
            ("a\\one,p1,happy,,,,", "path 'a\\\\one': expected names"),
            (",p1,happy,,,,", "path is empty"),
            ("a/one,,happy,,,,", "subject is empty"),
            ("a/one,p/1,happy,,,,", "subject 'p/1' is not a plain name"),
            ("a/one,p1,,,,,", "label is empty"),
            ("a/one,p1,happy,one,,5,", "onset is the text 'one'; expected a whole number"),
            ("a/one,p1,happy,1,,,", "offset is empty, and onset is not; expected both"),
            ("a/one,p1,happy,,,5,", "onset is empty, and offset is not"),
            ("a/one,p1,happy,5,,1,", "offset 1 is before onset 5"),
            ("a/one,p1,happy,1,9,5,", "apex 9 is outside of 1..5"),
            ("a/one,p1,happy,,9,,", "apex 9 is outside of 1..5"),
            ("a/one,p1,happy,2,,9,", "path a/one: frame 6 is missing (4 of 8 frames of 2..9)"),
            ("a,p1,happy,,,,", "path a: no frame in it"),
        ],
    )
    def test_is_named_with_row_and_column(self, lab, row, said):
        found = problems(write_table(lab / "x.csv", "b/two,p2,sad,,,,", row))
        assert [one for one in found if one.startswith("x.csv row 3: ") and said.replace("\\\\", "\\") in one]

    @pytest.mark.parametrize(
        ("titles", "cells", "said"),
        [
            ("database", "My Lab", "database 'My Lab': expected up to 40 of a-z"),
            ("database", "all", "none of all, test"),
            ("database", "fer2013", "database fer2013 is one for pre-training"),
            ("action_units", "4++", "action_units: "),
            ("fps", "-1", "fps is '-1'; expected a number above 0"),
            ("fps", "nan", "fps is 'nan'"),
            ("landmarks", "none.csv", "landmarks 'none.csv': no such file"),
            ("landmarks", "../x.csv", "landmarks '../x.csv': expected names"),
        ],
    )
    def test_in_a_further_column_is_too(self, lab, titles, cells, said):
        table = write_table(lab / "x.csv", f"a/one,p1,happy,,,,,{cells}", titles=f"{TITLES},{titles}")
        assert any(said in one for one in problems(table))

    def test_does_not_hide_the_others(self, lab):
        rows = ["a/one,p1,happy,5,,1,", "nothing,p1,,,,,", "b/two,p2,sad,,41,,", "b/gone,p/3,sad,x,,,"]
        found = problems(write_table(lab / "x.csv", *rows))
        assert [one.split(":")[0] for one in found] == ["x.csv row 2", "x.csv row 3", "x.csv row 5"]
        table = read_clip_table(write_table(lab / "x.csv", *rows))
        with pytest.raises(DataError, match=r"row 2: .*and 2 more; see `mer-bench data verify`"):
            OwnClips(table)

    def test_two_rows_of_one_clip(self, lab):
        (lab / "c").mkdir()
        write_frames(lab / "c" / "one", draw_frames("happy", 9))
        found = problems(write_table(lab / "x.csv", "a/one,p1,happy,,,,", "c/one,p1,happy,,,,"))
        assert found == ["x.csv row 3: clip x/p1/one is already given by row 2; a column clip names them apart"]
        found = problems(write_table(lab / "x.csv", "a/one,p1,happy,,,,", "a/one,p2,happy,1,,5,"))
        assert found == ["x.csv row 3: path, onset and offset are those of row 2"]

    def test_a_hundred_and_nine_is_not_nineteen(self, lab):
        assert not problems(write_table(lab / "x.csv", "a/one,s109,happy,,,,", "b/two,s19,sad,,,,"))

    def test_an_apex_at_an_end_of_its_clip_is_remarked(self, lab):
        read = read_clip_table(write_table(lab / "x.csv", "a/one,p1,happy,1,1,5,", "b/two,p2,sad,40,44,44,"))
        assert [str(remark) for remark in read.found.remarks] == [
            "x.csv row 2: apex 1 is the onset; between the two nothing moves",
            "x.csv row 3: apex 44 is the offset; between the two nothing moves",
        ]

    @pytest.mark.parametrize(("one", "other"), [("6", "006"), ("P1", "p1"), ("s1", "s01"), ("s1", "ｓ1"), ("s1", "s١")])
    def test_two_spellings_of_one_person_who_would_train_and_be_tested(self, lab, one, other):
        found = problems(write_table(lab / "x.csv", f"a/one,{one},happy,,,,", f"b/two,{other},sad,,,,"))
        assert len(found) == 1
        assert f"row 3: subject '{other}' is '{one}' of row 2 but for case, zeros or signs" in found[0]

    def test_a_link_that_leads_out(self, lab, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside")
        write_frames(outside / "clip", draw_frames("sad", 4))
        (lab / "link").symlink_to(outside / "clip")
        (said,) = problems(write_table(lab / "x.csv", "link,p1,sad,,,,"))
        assert "path: link: leads out of the root folder" in said

    def test_a_column_that_is_missing(self, lab):
        with pytest.raises(DataError, match=r"x\.csv: no header row .* has the columns onset, offset"):
            read_clip_table(write_table(lab / "x.csv", "a/one,p1,sad,3", titles="path,subject,label,apex"))
        with pytest.raises(DataError, match=r"x\.csv: no clip in it"):
            read_clip_table(write_table(lab / "x.csv"))

    def test_a_name_of_the_table_that_no_database_can_have(self, lab):
        found = problems(write_table(lab / "My Lab.csv", GOOD[0]))
        assert "database 'My Lab': expected" in found[0]
        assert not problems(lab / "My Lab.csv", "mylab")

    def test_a_damaged_frame_is_found_by_verify(self, lab):
        (lab / "a" / "one" / "img3.png").write_bytes(b"no image")
        table = read_clip_table(write_table(lab / "x.csv", *GOOD))
        assert verify_clips(table, frames=False).clean
        report = verify_clips(table)
        assert str(report.problems[0]).startswith("x.csv row 2: a/one/img3.png: expected a JPEG")
        assert (report.clips, report.subjects, report.counts) == (3, 2, {"happy": 1, "sad": 2})

    def test_a_damaged_video_is_found_when_it_is_opened(self, lab):
        (lab / "b" / "three.avi").write_bytes(b"RIFF nothing")
        (said,) = problems(write_table(lab / "x.csv", "b/three.avi,p2,sad,,,,"))
        assert "row 2: path b/three.avi: cannot be read as video" in said


class TestAnyDamage:
    @pytest.fixture(scope="class")
    def place(self, tmp_path_factory):
        root = tmp_path_factory.mktemp("damage")
        write_frames(root / "a" / "one", draw_frames("happy", 1))
        write_frames(root / "b" / "two", draw_frames("sad", 2), first=40)
        return root

    @given(data=st.data())
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def test_of_a_cell_gives_the_right_value_or_one_line(self, place, data):
        rows = [["a/one", "p1", "happy", "1", "3", "5", "c"], ["b/two", "p2", "sad", "40", "41", "44", "c"]]
        odd = ["", " ", "/", "-1", "1e3", "3.0", "007", "..", "a/..", "a//one", "\x00", "=1+1", "é", "x" * 500, "\n"]
        cells = st.one_of(st.sampled_from(odd), st.text(max_size=8), st.integers(-10, 60).map(str))
        row, column = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 6))
        rows[row][column] = data.draw(cells)
        path = place / "lab.csv"
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            csv.writer(file).writerows([TITLES.split(","), *rows])
        try:
            clips = OwnClips(read_clip_table(path))
        except DataError as error:
            assert "\n" not in str(error)
            assert "lab.csv" in str(error)
            return
        for sample in clips.samples:
            assert sample.path.is_relative_to(place)
            assert sample.path.parent.name in {"a", "b"}
            assert sample.onset <= sample.apex <= sample.offset
            assert len(clips.read(sample)) == sample.offset - sample.onset + 1
        # the other row says what it said
        untouched = next(s for s in clips.samples if s.path.name == ("two", "one")[row])
        assert (untouched.subject, untouched.emotion) == (("p2", "sad"), ("p1", "happy"))[row]

    @given(st.binary(max_size=300))
    def test_of_the_whole_file_gives_one_line(self, place, data):
        path = place / "noise.csv"
        path.write_bytes(data)
        try:
            table = read_clip_table(path)
        except DataError as error:
            assert "\n" not in str(error)
            return
        assert table.found.rows or table.found.problems


def test_a_table_is_told_for_programs(lab):
    report = verify_clips(read_clip_table(write_table(lab / "mylab.csv", *GOOD)))
    assert json.loads(json.dumps(report.to_json()))["database"] == "mylab"
    assert report.clean
