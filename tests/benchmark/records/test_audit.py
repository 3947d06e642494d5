"""An audit is written with every fold, says when somebody is on two sides, and is checked again from the records."""

import json
import shutil
from collections import Counter
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.__main__ import main
from benchmark.places import SHIPPED
from benchmark.records.audit import audit_fold, audit_folder, audit_run, audit_stored
from benchmark.records.run import load_run, save_run
from benchmark.records.store import Kept, RunManifest, Store
from mer_lightning.backbones import save_kept
from mer_lightning.datamodules import Table
from mer_lightning.protocols import Fold
from mer_lightning.types import DataError
from tests.benchmark.example_records import fold as plain_fold
from tests.benchmark.example_records import run_record


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A store and records of the smoke suite's baseline without gradient steps."""
    folder = tmp_path_factory.mktemp("bench")
    places = ["--runs", str(folder / "runs"), "--records", str(folder / "records")]
    assert main(["run", "--suite", "smoke", "--method", "majority", "--accelerator", "cpu", *places]) == 0
    return folder


@pytest.fixture
def copy(bench, tmp_path):
    shutil.copytree(bench, tmp_path / "copy")
    return tmp_path / "copy"


def change(path, edit):
    body = json.loads(path.read_text())
    edit(body)
    # as from before there were checksums
    body.pop("checksum")
    path.write_text(json.dumps(body))


def test_every_fold_and_every_record_carries_an_audit(bench):
    (path,) = (bench / "records").rglob("seed0.json")
    record = load_run(path)
    assert set(record.audit) == set(record.confusion)
    assert all(audit.overlap == {"subject": 0, "clip": 0, "content": 0} for audit in record.audit.values())
    whole = int(record.matrices().sum())
    assert {a.train.samples + a.validation.samples + a.test.samples for a in record.audit.values()} == {whole}
    assert all(fold.audit is not None for fold in Store(bench / "runs").folds(record.run).values())
    sides = [line for line in path.read_text().splitlines() if '"keys"' in line]
    assert len(sides) == 3 * record.folds
    assert all(line.rstrip(",").endswith("}") for line in sides)
    for folder in ("runs", "records"):
        (audited,) = audit_folder(bench / folder)
        assert str(audited).endswith(f": clean, {record.folds} folds")


def test_sides_are_hashed_as_sets_and_overlaps_are_counted(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    audit = audit_fold(fold, table)
    turned = Fold(fold.held_out, labelled.people, fold.test[::-1])
    assert audit_fold(turned, table) == audit
    # a fold that could never be made: one tested clip says when to stop as well
    object.__setattr__(turned, "validation", fold.test[:1])
    leaky = audit_fold(turned, table)
    assert leaky.overlap == {"subject": 1, "clip": 1, "content": 1}
    assert leaky.validation.keys != audit.validation.keys


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(2, 12))
def test_sides_as_numbers_are_sides_sample_by_sample(data, samples):
    keys = tuple(f"smic/s{data.draw(st.integers(0, 3))}/c{row:02}" for row in range(samples))
    contents = tuple(data.draw(st.lists(st.binary(max_size=40), min_size=samples, max_size=samples)))
    table = Table(keys, torch.zeros(samples, 1), torch.zeros(samples), 1, None, "", contents)
    place = st.sampled_from(("train", "validation", "test", "unused"))
    where = np.array([data.draw(place) for _ in range(samples)])
    sides = {name: np.flatnonzero(where == name) for name in ("train", "validation", "test")}
    audit = audit_fold(SimpleNamespace(**sides), table)
    for name, rows in sides.items():
        side = getattr(audit, name)
        hashes = [sha256(keys[row].encode()).digest() for row in rows]
        assert side.samples == len(rows)
        assert side.keys == f"{sum(map(int.from_bytes, hashes)) % 2**128:032x}"
        assert side.contents == f"{sum(int.from_bytes(contents[row]) for row in rows) % 2**128:032x}"
    seen = {
        "subject": lambda row: keys[row].rsplit("/", 1)[0],
        "clip": keys.__getitem__,
        "content": contents.__getitem__,
    }
    for kind, of in seen.items():
        things = [thing for rows in sides.values() for thing in {of(row) for row in rows}]
        assert audit.overlap[kind] == sum(count > 1 for count in Counter(things).values())


def test_the_same_content_under_two_keys_is_an_overlap(smic):
    from dataclasses import replace

    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    contents = list(table.contents)
    contents[fold.train[0]] = contents[fold.test[0]]
    assert audit_fold(fold, replace(table, contents=tuple(contents))).overlap == {"subject": 0, "clip": 0, "content": 1}


def edit_overlap(body):
    next(iter(body["audit"].values()))["overlap"]["clip"] = 2


def edit_train(body):
    next(iter(body["audit"].values()))["train"]["keys"] = "0" * 32


def edit_swap(body):
    one, other, *_ = body["audit"].values()
    one["test"], other["test"] = other["test"], one["test"]


def edit_contents(body):
    next(iter(body["audit"].values()))["test"]["contents"] = "0" * 31 + "1"


def edit_twice(body):
    # each side adds up, but one person is tested twice and another never
    one, other, *_ = body["audit"]
    body["audit"][one] = body["audit"][other]


def edit_matrix(body):
    next(iter(body["confusion"].values()))[0][0] += 1


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (edit_overlap, "2 clips on more than one side"),
        (edit_train, "the keys of train, validation and test add up to 2 different wholes"),
        (edit_swap, "the keys of train, validation and test add up to 3 different wholes"),
        (edit_contents, "the contents of train, validation and test add up to 2 different wholes"),
        (edit_twice, "the keys tested over all folds are not every sample once"),
        (edit_matrix, "in the confusion matrix"),
    ],
)
def test_a_record_that_does_not_add_up_is_found(copy, capsys, edit, says):
    (path,) = (copy / "records").rglob("seed0.json")
    change(path, edit)
    assert any(says in problem for problem in audit_run(load_run(path)).problems)
    assert main(["audit", str(copy / "records")]) == 1
    out = capsys.readouterr().out
    assert "PROBLEM" in out
    assert out.count("\n") == 1


def fold_files(copy):
    return sorted((copy / "runs").glob("*/folds/*.json"))


def test_a_store_is_checked_with_its_keys(copy):
    one, other, *_ = fold_files(copy)
    first = json.loads(one.read_text())
    change(other, lambda body: body["predictions"].append(first["predictions"][0]))
    problems = audit_folder(copy / "runs")[0].problems
    key = first["predictions"][0]["key"]
    assert f"{key}: predicted 2 times" in problems
    assert any(f"{key} is predicted, who is not held out" in problem for problem in problems)
    assert any("the predicted clips are not those of the audit" in problem for problem in problems)


def test_a_fold_that_was_trained_on_something_else_is_found_by_the_protocol(copy):
    one, *_ = fold_files(copy)

    def forget_a_subject(body):
        body["audit"]["train"] = {"samples": 1, "keys": "0" * 32, "contents": "0" * 32}

    change(one, forget_a_subject)
    (audited,) = audit_folder(copy / "runs")
    held_out = json.loads(one.read_text())["held_out"]
    assert audited.problems == (f"{held_out}: train is not what protocol smic-3 makes of these samples",)


def test_a_prediction_of_a_class_that_there_is_not_is_a_problem(copy):
    one, *_ = fold_files(copy)
    change(one, lambda body: body["predictions"][0].update(prediction=7))
    (audited,) = audit_folder(copy / "runs")
    key = json.loads(one.read_text())["predictions"][0]["key"]
    assert any(f"{key} is of a class that there is not; expected 0..2" in problem for problem in audited.problems)


def test_an_unfinished_store_is_checked_as_far_as_it_goes(copy):
    fold_files(copy)[0].unlink()
    (audited,) = audit_folder(copy / "runs")
    assert not audited.problems
    assert "clean" in str(audited)


def test_records_from_before_the_audit_are_named_and_do_not_fail(tmp_path, capsys):
    save_run(tmp_path, run_record())
    assert main(["audit", str(tmp_path)]) == 0
    assert "no audit (2 folds from before it existed)" in capsys.readouterr().out
    folds = {"smic/s01": plain_fold(), "smic/s02": plain_fold("smic/s02")}
    manifest = RunManifest(run="r", method="m", board="smic-3", seed=0, folds=2)
    assert "no audit" in str(audit_stored(manifest, Kept(folds, (), 0)))


def test_every_committed_record_can_be_read_and_has_no_problem():
    found = audit_folder(SHIPPED / "records")
    assert len(found) == len(list((SHIPPED / "records").rglob("seed*.json")))
    assert not [audited for audited in found if audited.problems]


def test_an_audit_is_not_lost_to_the_same_result_without_one(bench, tmp_path):
    (path,) = (bench / "records").rglob("seed0.json")
    record = load_run(path)
    kept = save_run(tmp_path, record)
    save_run(tmp_path, record.model_copy(update={"audit": {}}))
    assert load_run(kept).audit == record.audit


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(DataError, match=r"neither a store .* nor records"):
        audit_folder(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        audit_folder(tmp_path / "none")


class TestDamage:
    def test_of_a_fold_record_is_named_by_audit_and_status_and_trained_again(self, copy, capsys, caplog):
        one, *_ = fold_files(copy)
        whole = one.read_bytes()
        body = json.loads(whole)
        body["predictions"][0]["prediction"] = (body["predictions"][0]["prediction"] + 1) % 3
        one.write_text(json.dumps(body))
        assert main(["audit", str(copy / "runs")]) == 1
        assert f"PROBLEM {one}: its checksum does not fit" in capsys.readouterr().out
        assert main(["status", "--runs", str(copy / "runs")]) == 0
        assert "its checksum does not fit" in capsys.readouterr().out.replace("\n", " ")
        records = sorted((copy / "records").rglob("*.json"))
        before = [path.read_bytes() for path in records]
        places = ["--runs", str(copy / "runs"), "--records", str(copy / "records")]
        assert main(["run", "--suite", "smoke", "--method", "majority", "--accelerator", "cpu", *places]) == 0
        assert caplog.text.count(f"{one}: its checksum does not fit") == 1
        assert json.loads(one.read_text())["predictions"] == json.loads(whole)["predictions"]
        assert [path.read_bytes() for path in records] == before

    def test_of_a_record_is_a_problem_of_its_own(self, copy, capsys):
        (path,) = (copy / "records").rglob("seed0.json")
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
        assert main(["audit", str(copy / "records")]) == 1
        assert f"PROBLEM {path}: its checksum does not fit" in capsys.readouterr().out

    def test_of_weights_is_found_as_well(self, copy, capsys):
        path = copy / "runs" / "pretrained" / "m.safetensors"
        path.parent.mkdir()
        save_kept({"a": torch.ones(8)}, path, {"pretraining": "0"})
        assert main(["audit", str(copy / "runs")]) == 0
        spoilt = bytearray(path.read_bytes())
        spoilt[-1] ^= 1
        path.write_bytes(spoilt)
        assert main(["audit", str(copy / "runs")]) == 1
        assert f"{path}: the checksum of its weights does not fit" in capsys.readouterr().out

    def test_could_not_be_told_in_records_without_checksum_and_that_is_said(self, copy, capsys):
        for path in [*fold_files(copy), *(copy / "records").rglob("seed0.json")]:
            change(path, lambda _: None)
        for folder in ("runs", "records"):
            assert main(["audit", str(copy / folder)]) == 0
            assert capsys.readouterr().out.endswith(", no checksum\n")
