"""Records of a user's protocol hold its definition, and stand for themselves."""

import json

import pytest

from benchmark.records.audit import audit_folder, audit_stored
from benchmark.records.fold import FoldRecord, PredictionRecord, confusion_of
from benchmark.records.run import load_run, load_runs, save_run
from benchmark.records.store import Kept, RunManifest, Store
from mer_lightning.protocols import Definition, get_protocol, own_protocols
from mer_lightning.types import DataError
from tests.benchmark.example_records import fold, run_record


def definition(**changes):
    given = {"name": "mylab", "title": "My lab", "classes": ["good", "bad"]}
    given["labels"] = {"lab": {"happy": "good", "sad": "bad"}}
    return Definition.model_validate_json(json.dumps(given | changes))


def own_record(defined=None, people=("lab/s1", "lab/s2"), **changes):
    defined = defined or definition()
    return run_record(
        **{
            "confusion": confusion_of([fold(person, ((0, 0), (1, 0))) for person in people], 2),
            "board": "mylab",
            "definition": defined,
            "protocol_hash": defined.protocol().hash,
            "classes": ("good", "bad"),
            "databases": ("lab",),
        }
        | changes
    )


@pytest.fixture(autouse=True)
def nothing_known():
    with own_protocols():
        yield


class TestARecord:
    def test_brings_its_protocol_along(self, tmp_path):
        path = save_run(tmp_path, own_record())
        with own_protocols():
            assert load_run(path).evaluation.title == "My lab"
            assert get_protocol("mylab").scheme.classes == ("good", "bad")

    def test_of_the_suites_protocols_has_no_trace_of_it(self, tmp_path):
        assert "definition" not in json.loads(save_run(tmp_path, run_record()).read_text())
        assert run_record().evaluation is get_protocol("smic-3")

    def test_without_a_definition_is_refused(self, tmp_path):
        path = save_run(tmp_path, own_record())
        values = json.loads(path.read_text())
        del values["definition"]
        path.write_text(json.dumps(values))
        with pytest.raises(DataError, match="protocol 'mylab' is unknown"):
            load_run(path)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"protocol_hash": "a"}, "protocol_hash: is not that of the definition"),
            ({"board": "other"}, "definition.name: expected other"),
            ({"databases": ("lab", "smic")}, "the protocol has no 'smic'; expected lab"),
        ],
    )
    def test_that_cannot_be_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said.replace(".", r"\.")):
            own_record(**changes)

    def test_of_another_definition_of_the_name_is_refused_naming_both_files(self, tmp_path):
        one = save_run(tmp_path, own_record())
        other = save_run(tmp_path, own_record(definition(metric="uar"), method="other"))
        with pytest.raises(DataError) as error:
            load_runs(tmp_path)
        assert str(error.value).startswith(f"{other}: protocol mylab is not that of {one}: they differ in metric")

    def test_of_a_selection_is_under_it(self):
        base = definition()
        hashed = get_protocol("mylab+inner_subjects", base).hash
        record = own_record(board="mylab+inner_subjects", protocol_hash=hashed)
        assert record.evaluation.selection == "inner_subjects"


class TestASplit:
    SPLIT = definition(split={"test": ["s1", "s2"]})

    def test_has_one_fold_that_tests_all_of_it(self):
        record = own_record(self.SPLIT, folds=1, finished=1)
        assert record.complete
        with pytest.raises(ValueError, match="expected lab/s1, lab/s2, whom the split tests"):
            own_record(self.SPLIT, people=("lab/s1",), folds=1, finished=1)

    def test_is_audited_by_whom_it_tests(self):
        predictions = tuple(PredictionRecord(key=f"lab/{name}/c", label=0, prediction=1) for name in ("s1", "s2"))
        record = FoldRecord(held_out="test", predictions=predictions, samples={"train": 2, "validation": 0}, seconds=1)
        manifest = RunManifest(run="r", method="m", board="mylab", seed=0, folds=1, definition=self.SPLIT)
        assert audit_stored(manifest, Kept({"test": record}, (), 0)).problems == ()
        stranger = record.model_copy(
            update={"predictions": (*predictions, PredictionRecord(key="lab/s3/c", label=0, prediction=1))}
        )
        assert audit_stored(manifest, Kept({"test": stranger}, (), 0)).problems == (
            "test: lab/s3/c is predicted, who is not held out",
        )


def test_a_store_is_audited_without_the_file_of_the_protocol(tmp_path):
    store = Store(tmp_path)
    store.begin(RunManifest(run="r", method="m", board="synthetic-mylab", seed=0, folds=2, definition=definition()))
    for person in ("lab/s1", "lab/s2"):
        store.save_fold("r", fold(person, ((0, 0), (1, 0))))
    (found,) = audit_folder(tmp_path)
    assert (found.folds, found.problems) == (2, ())
    store.begin(RunManifest(run="q", method="m", board="smic-3", seed=0, folds=2))
    assert "definition" not in json.loads((tmp_path / "q" / "run.json").read_text())
