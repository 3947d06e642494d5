"""A leaderboard is one list of clips: what may stand side by side, and what is refused before anything is trained."""

import json
from dataclasses import replace

import pytest

from benchmark.__main__ import main
from benchmark.records.clip_list import ClipList, check_free
from benchmark.records.run import load_run, load_runs, save_run
from mer_lightning.types import DataError
from tests.benchmark.example_records import run_record

ONE = ClipList("megc2019", "m", "maps, release 1", "c" * 64, {"smic/s01": (1, 2, 0), "samm/006": (0, 0, 3)})
SMOKE = ("--suite", "smoke", "--accelerator", "cpu")


def clips(**changed):
    return {**ONE.clips, **{key.replace("_", "/"): value for key, value in changed.items()}}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (ONE, ""),
        (replace(ONE, entry="m@video", source="video, release 2", content_hash="d" * 64), ""),
        (replace(ONE, content_hash="d" * 64), "the clips of one method have another content"),
        (replace(ONE, source="maps, release 2"), ""),
        (replace(ONE, entry="n", clips=clips(smic_s01=(2, 1, 0))), "smic/s01 has other clips per class"),
        (replace(ONE, entry="n", clips=clips(smic_s02=(1, 0, 0))), "only one of them tests smic/s02"),
        (replace(ONE, clips={"smic/s01": (1, 2, 0)}, whole=False), ""),
        (replace(ONE, clips={"smic/s01": (1, 1, 0)}, whole=False), "smic/s01 has other clips per class"),
        (replace(ONE, clips={"smic/s09": (1, 1, 0)}, whole=False), "only one of them tests smic/s09"),
    ],
)
def test_another_input_of_the_same_clips_may_stand_beside_and_other_clips_may_not(other, says):
    assert ONE.differs(other) == other.differs(ONE) == says


def test_invented_clips_are_known_by_how_they_are_made_not_by_their_grey_levels():
    made = replace(ONE, board="synthetic-megc2019")
    assert made.differs(replace(made, content_hash="d" * 64)) == ""
    assert made.differs(replace(made, source="maps, release 2")) == "the clips of one method have another content"
    assert made.differs(replace(made, entry="n", source="maps, release 2")) == ""


def test_only_the_board_itself_is_read(tmp_path):
    asked = []

    def load(path):
        asked.append(path)
        return replace(ONE, entry="n")

    for board in ("megc2019", "megc2019-holdout", "synthetic-megc2019"):
        (tmp_path / board / "n").mkdir(parents=True)
        (tmp_path / board / "n" / "seed0.json").touch()
    check_free([ONE], tmp_path, load)
    assert asked == [tmp_path / "megc2019" / "n" / "seed0.json"]


def test_a_mixed_leaderboard_is_named_by_two_files_that_do_not_agree(tmp_path):
    whole = save_run(tmp_path, run_record())
    save_run(tmp_path, run_record(("smic/s02",), method="begun"))
    load_runs(tmp_path)
    strange = save_run(tmp_path, run_record(("smic/s02", "smic/s03"), method="a"))
    with pytest.raises(DataError) as error:
        load_runs(tmp_path)
    assert str(whole) in str(error.value)
    assert str(strange) in str(error.value)
    assert "only one of them tests smic/s01" in str(error.value)


@pytest.fixture
def recorded(tmp_path):
    """Records of other data on the board of the smoke suite."""
    save_run(tmp_path / "records", run_record(board="synthetic-smic-3", method="other"))
    return tmp_path


def start(command, folder, *flags):
    return main([command, *SMOKE, "--runs", str(folder / "runs"), "--records", str(folder / "records"), *flags])


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("run", ["--method", "majority"]),
        ("tune", ["--method", "linear-svm", "--protocol", "smic-3", "--trials", "1"]),
    ],
)
def test_a_run_on_other_clips_than_the_board_is_refused_before_anything_is_written(recorded, capsys, command, flags):
    files = {path: path.read_bytes() for path in recorded.rglob("*.json")}
    assert start(command, recorded, *flags) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(recorded / "records" / "synthetic-smic-3" / "other" / "seed0.json") in said
    assert "s, release r (2 subjects, 4 clips, content c)" in said
    assert "synthetic-flow, release synthetic-flow-x0.3" in said
    assert "--records" in said
    assert {path: path.read_bytes() for path in recorded.rglob("*") if path.is_file()} == files


def test_a_leak_study_on_other_clips_is_refused_as_well(recorded, capsys):
    (path,) = (recorded / "records").rglob("*.json")
    honest = json.loads(path.read_text())
    honest.pop("checksum")
    path.write_text(json.dumps({"honest": honest}))
    assert start("leak-study", recorded, "--method", "majority") == 2
    assert f"{path} is of s, release r" in capsys.readouterr().err
    assert not (recorded / "runs").exists()


def test_another_seed_of_a_method_on_other_data_is_refused_and_so_is_replacing_it(tmp_path, capsys):
    assert start("run", tmp_path, "--method", "majority") == 0
    path = tmp_path / "records" / "synthetic-smic-3" / "majority" / "seed0.json"
    old = load_run(path)
    other = old.model_copy(update={"data": old.data.model_copy(update={"release": "another"})})
    for seed in (0, 7):
        path.unlink(missing_ok=True)
        path = save_run(tmp_path / "records", other.model_copy(update={"seed": seed}))
        assert start("run", tmp_path, "--method", "majority") == 2
        said = capsys.readouterr().err
        assert "another content" in said
        assert f"remove {path.parent} to replace" in said
    path.unlink()
    assert start("run", tmp_path, "--method", "majority") == 0


def test_data_of_ones_own_gets_rows_of_its_own_by_a_name(tmp_path, capsys):
    assert start("run", tmp_path, "--method", "majority") == 0
    path = tmp_path / "records" / "synthetic-smic-3" / "majority" / "seed0.json"
    old = load_run(path)
    save_run(tmp_path / "records", old.model_copy(update={"data": old.data.model_copy(update={"release": "theirs"})}))
    assert start("run", tmp_path, "--method", "majority") == 2
    assert "name yours with --edition" in capsys.readouterr().err
    assert start("run", tmp_path, "--method", "majority", "--edition", "mine") == 0
    assert [run.entry for run in load_runs(tmp_path / "records")] == ["majority", "majority@mine"]


def test_a_name_is_a_short_word(tmp_path, capsys):
    with pytest.raises(SystemExit):
        start("run", tmp_path, "--edition", "My data")
    assert "expected lower-case letters, digits and -, found 'My data'" in capsys.readouterr().err


def test_an_edition_of_the_same_clips_gets_its_row_on_the_board(tmp_path):
    suite = tmp_path / "mine.yaml"
    suite.write_text(
        "title: T\nsummary: S\nsource: {name: synthetic-flow, scale: 0.3, edition: video}\n"
        "protocols: [smic-3]\nmethods: [majority]\nseeds: [0]\n"
    )
    assert start("run", tmp_path, "--method", "majority") == 0
    assert start("run", tmp_path, "--suite", str(suite)) == 0
    assert {run.entry for run in load_runs(tmp_path / "records")} == {"majority", "majority@video"}


def test_fewer_folds_of_the_same_people_are_no_other_list():
    begun, whole = run_record(("smic/s01",)).clip_list, run_record().clip_list
    assert (begun.whole, whole.whole) == (False, True)
    assert begun.differs(whole) == ""
    assert whole.clips == {"smic/s01": (1, 1, 0), "smic/s02": (1, 1, 0)}
