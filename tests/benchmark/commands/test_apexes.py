"""Spotted apexes are printed, saved where ``apex: file`` reads them, and held against annotated ones."""

import csv
import json

import pytest

from benchmark.__main__ import main
from mer_lightning.datasets.registry import open_database
from mer_lightning.synthetic.twins import write_twin


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, root in (("samm", folder / "SAMM"), ("smic", folder / "SMIC")):
        write_twin(root, name, subjects=2, size=(60, 80), frames=0.1)
    return folder


def apexes(capsys, *words):
    assert main(["data", "apexes", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_they_are_read_back_by_apex_file(twins, capsys, tmp_path):
    root = twins / "SAMM"
    before = {sample.key: sample.apex for sample in open_database("samm", root).samples}
    answer = apexes(capsys, root)
    found = {one["clip"]: one["spotted"] for one in answer["apexes"]}
    read = open_database("samm", root, apex="file").samples
    assert {sample.key: sample.apex for sample in read} == found
    assert all(sample.onset <= sample.apex <= sample.offset for sample in read)
    assert {one["clip"]: one["annotated"] for one in answer["apexes"]} == before
    # the file that is there is not lost
    assert main(["data", "apexes", str(root)]) == 2
    assert "is there already" in capsys.readouterr().err
    (root / "apexes.csv").unlink()


def test_their_distance_is_that_of_annotated_ones(twins, capsys, tmp_path):
    answer = apexes(capsys, twins / "SAMM", "--out", tmp_path / "a.csv")
    far = [one["spotted"] - one["annotated"] for one in answer["apexes"] if one["annotated"] is not None]
    assert [one["distance"] for one in answer["apexes"] if one["annotated"] is not None] == far
    assert answer["annotated"]["clips"] == len(far) > 0
    assert answer["annotated"]["mean"] == pytest.approx(sum(map(abs, far)) / len(far))
    assert main(["data", "apexes", str(twins / "SAMM"), "--out", str(tmp_path / "b.csv")]) == 0
    out = capsys.readouterr().out
    assert f"of {len(far)} clips with an annotated apex:" in out
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_the_middle_frame_is_nobodys_annotation(twins, capsys, tmp_path):
    answer = apexes(capsys, twins / "SMIC", "--out", tmp_path / "apexes.csv", "--variant", "raw")
    assert answer["annotated"] is None
    rows = list(csv.DictReader((tmp_path / "apexes.csv").open()))
    assert list(rows[0]) == ["database", "subject", "clip", "apex"]
    assert len(rows) == len(answer["apexes"])


def test_faces_may_be_aligned_first(twins, capsys, tmp_path):
    words = [str(twins / "SAMM"), "--aligned", "--out", str(tmp_path / "a.csv")]
    assert main(["data", "apexes", *words]) == 2
    assert "landmarks-raw.csv: no such landmark file" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()
