"""``mer-bench data export``: what is written for other code trains to the same scores when it is read back."""

import json

import pytest

from benchmark.__main__ import main
from benchmark.records.run import load_run
from tests.own_clips import write_tree

SUITE = """
title: Small
summary: A few invented clips.
source: {source}
protocols: [smic-3]
methods: [linear-svm]
seeds: [0]
"""

STILL = """
from mer_lightning.motion import FromFrames

class First(FromFrames):
    name: str = "first"
    channels = property(lambda self: ("grey",))
    hflip_sign = property(lambda self: (1,))
    value_range = property(lambda self: (0.0, 1.0))
    vectors = property(lambda self: False)
    frame_size = property(lambda self: (8, 8))

    def pick(self, frames, apex):
        return frames[:1]

    def maps(self, frames):
        return frames[:, :, 0]
"""


@pytest.fixture
def home(tmp_path):
    sources = {
        "clips": "{name: synthetic-video, scale: 0.1}",
        "maps": "{name: megc2019-flow, edition: mine}",
        "flow": "{name: synthetic-flow, scale: 0.3}",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.yaml").write_text(SUITE.replace("{source}", source))
    return tmp_path


def bench(home, *words):
    return main(["--workspace", str(home), *map(str, words)])


@pytest.mark.slow
def test_maps_of_frames_train_to_the_same_scores_when_they_are_read_back(home):
    export = ["data", "export", "--suite", home / "clips.yaml", "--representation", "flow_map", "--layout", "ststnet"]
    assert bench(home, *export, home / "out") == 0
    run = ["run", "--executor", "local", "--accelerator", "cpu", "--suite"]
    assert bench(home, *run, home / "clips.yaml") == 0
    assert bench(home, *run, home / "maps.yaml", "--data", home / "out") == 0
    records = home / "records" / "synthetic-smic-3"
    computed, exported = (load_run(records / name / "seed0.json") for name in ("linear-svm", "linear-svm@mine"))
    assert computed.confusion == exported.confusion
    assert computed.data.table_hash == exported.data.table_hash


def test_an_export_says_what_it_is(home, capsys):
    words = ["data", "export", "--suite", home / "flow.yaml", "--representation", "flow_map", home / "out"]
    assert bench(home, *words) == 0
    assert "nobody was recorded; manifest.json and SYNTHETIC.json say so" in capsys.readouterr().out
    manifest = json.loads((home / "out" / "manifest.json").read_text())
    assert (manifest["suite"], manifest["protocol"]["id"], manifest["complete"]) == ("flow", "smic-3", True)
    assert manifest["source"]["synthetic"] is True
    assert bench(home, *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["written"] == 0


class TestUnderAProtocolOfOnesOwn:
    @pytest.fixture
    def mine(self, home):
        write_tree(home / "my clips", each=1)
        table = home / "my clips" / "clips.csv"
        assert bench(home, "data", "index", home / "my clips") == 0
        assert bench(home, "new", "database", "mylab", "--data", table) == 0
        return ["data", "export", "--suite", "mylab", "--data", table]

    def test_maps_say_by_which_suite_they_are_read(self, home, mine, capsys):
        words = ["--representation", "flow_map", "--layout", "ststnet", home / "my maps"]
        assert bench(home, *mine, *words) == 0
        said = capsys.readouterr().out
        assert f"run --data '{home / 'my maps'}', --suite with source: " in said
        assert "{name: flow-folders, labels: {0: happy, 1: sad}, database: mylab}" in said
        assert json.loads((home / "my maps" / "manifest.json").read_text())["protocol"]["id"] == "mylab"

    def test_representations_of_ones_own_are_written(self, home, mine, capsys):
        (home / "looks").mkdir()
        (home / "looks" / "still.py").write_text(STILL)
        assert bench(home, *mine, "--representation", "looks.still.First", home / "out") == 0
        manifest = json.loads((home / "out" / "manifest.json").read_text())
        assert manifest["representation"]["name"] == "first"
        capsys.readouterr()
        assert bench(home, *mine, "--representation", "looks.still.Second", home / "other") == 2
        said = capsys.readouterr().err
        assert ("no class Second in looks/still.py" in said, said.count("\n")) == (True, 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--representation", "flow_mop"], "--representation flow_mop: expected frames or one of"),
        (["--representation", "flow_map", "--argument", "size=3"], "flow_map takes no such argument"),
        (["--representation", "onset_apex_flow", "--argument", "size"], "--argument size: expected KEY=VALUE"),
        (["--argument", "size=[2,2]"], "--argument: frames has none"),
        (["--layout", "ststnet"], "synthetic-flow has flow_maps, no frames"),
        (["--protocol", "smic-4"], "protocol 'smic-4' is unknown"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(home, capsys, words, says):
    assert bench(home, "data", "export", "--suite", home / "flow.yaml", *words, home / "out") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (home / "out").exists()
