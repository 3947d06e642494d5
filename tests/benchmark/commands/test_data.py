from __future__ import annotations

import argparse
import json
import re
import shutil

import numpy as np
import pytest

from benchmark.commands import data
from mer_lightning.faces import landmarks
from mer_lightning.faces.points import mean_face
from mer_lightning.types import DataError


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch, tmp_path):
    monkeypatch.delenv("MER_DATA", raising=False)
    monkeypatch.setattr("benchmark.methods.data_root.user_config_path", lambda name: tmp_path / "config" / name)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data.add_data_commands(parser.add_subparsers())
    arguments = parser.parse_args(["data", *words])
    return arguments.handler(arguments)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "CASME2"
    assert (
        run(
            "synth",
            str(root),
            "--database",
            "casme2",
            "--subjects",
            "2",
            "--size",
            "48x64",
            "--frames",
            "0.1",
        )
        == 0
    )
    return root


def test_a_twin_verifies_clean(twin, capsys):
    assert run("verify", str(twin)) == 0
    out = capsys.readouterr().out
    assert "casme2 in" in out
    assert "synthetic twin, release casme2-2014" in out
    assert out.endswith("  clean\n")
    assert run("verify", str(twin), "--json", "--quick") == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert report["synthetic"] is True
    assert report["clips"] == 14


def test_problems_give_exit_code_1(twin, capsys, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(twin, copy)
    frame = next((copy / "Cropped/sub01").glob("*/*.jpg"))
    frame.write_bytes(b"no image")
    assert run("verify", str(copy)) == 1
    assert f"problem {frame.relative_to(copy)}: expected a JPEG, PNG, BMP or TIFF image" in capsys.readouterr().out
    assert run("verify", str(copy), "--database", "casme2", "--variant", "raw") == 0
    assert run("verify", str(copy), "--database", "samm") == 1
    assert "no annotation sheet found" in capsys.readouterr().out


def test_mistakes_of_the_user_are_one_line(twin, tmp_path):
    for words, message in (
        (["verify", str(tmp_path / "nothing")], "nothing: no such folder"),
        (["verify"], "no folder given and no data root"),
        (["verify", str(twin), "--release", "samm-v2"], "no database of release samm-v2 recognised"),
        (["verify", str(twin), "--database", "fer2013", "--apex", "file"], "fer2013: there is no apex to choose"),
        (["synth", str(twin), "--database", "casme2"], "exists and is not an empty folder"),
        (["list", "--data", str(tmp_path / "nothing")], "the data root named by --data is not a folder"),
        (["list", "--data", "~nobody-of-this-name/data"], "--data is not a folder"),
        (["verify", "~nobody-of-this-name/data"], "no such folder"),
    ):
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            run(*words)
        assert "\n" not in str(caught.value)


def test_the_data_root_comes_from_flag_variable_or_file(twin, monkeypatch, tmp_path, capsys):
    assert data.data_root() is None
    assert run("list") == 0
    assert "no data root: give --data" in capsys.readouterr().out
    file = data.config_file()
    file.parent.mkdir(parents=True)
    file.write_text(f"data: {twin.parent}\n")
    assert data.data_root() == twin.parent
    assert run("verify", "--quick") == 0
    monkeypatch.setenv("MER_DATA", str(tmp_path))
    assert data.data_root() == tmp_path
    assert data.data_root(twin) == twin
    capsys.readouterr()
    assert run("list", "--data", str(twin.parent), "--json") == 0
    body = json.loads(capsys.readouterr().out)
    assert [entry["database"] for entry in body["found"]] == ["casme2"]
    assert run("list", "--data", str(twin.parent)) == 0
    out = capsys.readouterr().out
    assert "samm      SAMM" in out
    assert "expected SAMM/006/006_1_2" in out
    monkeypatch.delenv("MER_DATA")
    file.write_text("[1, 2]")
    with pytest.raises(DataError, match="expected keys and values, found list"):
        run("list")
    file.write_text("data: [")
    with pytest.raises(DataError, match=r"config\.yaml: line 1: "):
        run("list")


def test_prepare_writes_landmarks(twin, monkeypatch, tmp_path, capsys):
    class Schematic:
        calls = 0

        def detect(self, image):
            self.calls += 1
            assert image.dtype == np.uint8
            assert image.shape[2] == 3
            return None if self.calls == 2 else mean_face() * 10 + 30

    detector = Schematic()
    monkeypatch.setattr(landmarks, "load_detector", lambda *_: detector)
    out = tmp_path / "landmarks.csv"
    words = ["--detector", "yunet", "--model", str(tmp_path), "--out", str(out)]
    assert run("prepare", str(twin), *words) == 1
    assert "landmarks of 13 frames of 14 clips" in (shown := capsys.readouterr().out)
    assert "no face in casme2/sub01/" in shown
    assert len(landmarks.read_landmarks(out)) == 13
    with pytest.raises(DataError, match="no database recognised; name one with --database"):
        run("prepare", str(tmp_path), *words)
