"""What a suite opens: which copy of which database, with which choices, and where its results go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.__main__ import main
from benchmark.methods.suite import load_suite, suite_names
from benchmark.records.run import load_runs
from mer_lightning.types import DataError


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """A data root with small twins of the three databases of the composite."""
    root = tmp_path_factory.mktemp("databases")
    for database, release in (("smic", "smic-hs-164"), ("casme2", "casme2-2014+objective"), ("samm", "samm-v2")):
        flags = [
            "--database",
            database,
            "--release",
            release,
            "--subjects",
            "3",
            "--size",
            "96x128",
            "--frames",
            "0.05",
        ]
        assert main(["data", "synth", str(root / database), *flags]) == 0
    return root


def write(tmp_path, source: str, protocols: str = "samm-3") -> str:
    path = tmp_path / "own.yaml"
    path.write_text(
        f"title: Own\nsummary: A suite of one's own.\nsource: {source}\nprotocols: [{protocols}]\n"
        "methods: [majority]\nseeds: [0]\n"
    )
    return str(path)


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_loads(name):
    assert load_suite(name).name == name


def test_a_suite_may_be_a_file_of_ones_own(tmp_path):
    assert load_suite(write(tmp_path, "{name: databases, databases: {samm: {}}}")).name == "own"
    with pytest.raises(DataError, match=r"nosuch\.yaml"):
        load_suite("nosuch.yaml")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{name: megc2019, faces: aligned}", "edition: expected a short name"),
        ("{name: synthetic-flow, faces: aligned, edition: x}", "synthetic-flow reads no database"),
        ("{name: databases}", "databases: expected at least one of smic, casme2, samm"),
        (
            "{name: databases, databases: {casme3: {}}}",
            "source.databases: database 'casme3' is unknown; did you mean casme2[?] expected one of smic, smic_vis, "
            "smic_nir, casme2, samm, ckplus, fer2013$",
        ),
        ("{name: databases, databases: {ckplus: {}}}", "databases: expected at least one of smic, casme2, samm$"),
        ("{name: megc2019, databases: {smic: {apex: first}}, edition: x}", "apex"),
    ],
)
def test_a_source_that_does_not_fit_is_one_line(tmp_path, source, says):
    with pytest.raises(DataError, match=says) as error:
        load_suite(write(tmp_path, source))
    assert "\n" not in str(error.value)
    assert "own.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{name: databases, databases: {casme2: {release: samm-v2}}}", "release samm-v2 is not one of casme2"),
        (
            "{name: databases, databases: {casme2: {apex: spotted}}, edition: x}",
            "casme2: apex: spotted does not apply; expected one of sheet, file",
        ),
        (
            "{name: databases, databases: {smic: {apex: sheet}}, edition: x}",
            "smic-hs-164, which has no sheet: apex: sheet does not apply; expected one of middle_frame, spotted, file",
        ),
        ("{name: databases, databases: {samm: {apex: file}}, edition: x}", "no apexes.csv found; apex: file needs it"),
        ("{name: databases, databases: {samm: {variant: long}}, edition: x}", "no long frames found .only raw."),
        ("{name: databases, databases: {smic: {coding: objective}}}", "smic: there is no coding to choose"),
        (
            "{name: databases, databases: {casme2: {}}, faces: aligned, edition: x}",
            "landmarks-cropped.csv: no such landmark file",
        ),
    ],
)
def test_a_choice_that_a_database_does_not_have_is_one_line(tmp_path, twins, source, says):
    with pytest.raises(DataError, match=says):
        load_suite(write(tmp_path, source)).source.open(twins)


@pytest.mark.parametrize("seed", [-5, 2**70])
def test_a_seed_is_a_number_that_every_generator_takes(tmp_path, capsys, seed):
    suite = Path(write(tmp_path, "{name: synthetic-flow}"))
    suite.write_text(suite.read_text().replace("seeds: [0]", f"seeds: [0, {seed}]"))
    with pytest.raises(DataError, match=r"seeds\.1: Input should be"):
        load_suite(str(suite))
    with pytest.raises(DataError, match=r"source\.seed: Input should be"):
        load_suite(write(tmp_path, f"{{name: synthetic-flow, seed: {seed}}}"))
    with pytest.raises(SystemExit):
        main(["run", "--seed", str(seed)])
    assert "expected a whole number from 0 to 4294967295" in capsys.readouterr().err


def test_smic_leaves_its_apex_to_be_spotted_where_the_suite_says_so(tmp_path, twins):
    usual = load_suite(write(tmp_path, "{name: databases, databases: {smic: {}}}")).source.open(twins)
    spotted = load_suite(write(tmp_path, "{name: databases, databases: {smic: {apex: spotted}}, edition: x}"))
    opened = spotted.source.open(twins)
    assert usual.choices["smic apex"] == "middle_frame"
    assert opened.choices["smic apex"] == "spotted"
    assert None not in {sample.apex for sample in usual.samples}
    assert {sample.apex for sample in opened.samples} == {None}


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_one_database_alone_has_its_landmarks_wherever_the_root_is(tmp_path, twins, levels):
    place = Path(tmp_path, "root", *("samm", "again")[:levels])
    shutil.copytree(twins / "samm", place)
    suite = load_suite(write(tmp_path, "{name: databases, databases: {samm: {}}, faces: aligned, edition: x}"))
    opened = suite.source.open(tmp_path / "root")
    assert opened.choices["samm faces"] == "aligned to 224 x 224"
    assert opened.synthetic


def test_two_folders_of_one_database_are_one_too_many(tmp_path, twins):
    for name in ("new", "old"):
        shutil.copytree(twins / "samm", tmp_path / "root" / name)
    shutil.copytree(twins / "casme2", tmp_path / "root/casme2")
    with pytest.raises(DataError, match="samm lies in new and in old; expected one folder"):
        load_suite(write(tmp_path, "{name: databases, databases: {samm: {}}}")).source.open(tmp_path / "root")
    assert load_suite(write(tmp_path, "{name: databases, databases: {casme2: {}}}")).source.open(tmp_path / "root")


def test_objective_classes_take_the_place_of_emotions_where_the_suite_says_so(twins):
    from mer_lightning.protocols import get_protocol

    suite = load_suite("megc2018")
    opened = suite.source.open(twins)
    assert opened.release == "casme2-2014+objective-objective+samm-v2-objective"
    assert {sample.database for sample in get_protocol("megc2018").label(opened).samples} == {"casme2", "samm"}
    with pytest.raises(DataError, match="emotion 'VII' is unknown to label scheme casme2-5"):
        get_protocol("casme2-5").label(opened)


def test_one_database_alone_has_the_composites_list(twins):
    """The three-class protocols leave out what the official list does, whatever the database is opened for."""
    from mer_lightning.protocols import get_protocol

    suite = load_suite("casme2-5").model_copy(update={"protocols": ("casme2-3",)})
    alone = get_protocol("casme2-3").label(suite.source.open(twins))
    composite = get_protocol("casme2-3").label(load_suite("megc2019").source.open(twins))
    assert alone == composite


def test_two_editions_of_one_protocol_have_rows_of_their_own(tmp_path, twins, capsys):
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--accelerator", "cpu"]
    aligned = "{name: databases, databases: {samm: {}}, faces: aligned, edition: aligned}"
    for source in ("{name: databases, databases: {samm: {}}}", aligned):
        assert main(["run", "--suite", write(tmp_path, source), "--data", str(twins), *places]) == 0
    usual, other = sorted(load_runs(tmp_path / "records"), key=lambda run: run.entry)
    assert (usual.entry, other.entry) == ("majority", "majority@aligned")
    assert usual.data.content_hash != other.data.content_hash
    assert other.data.choices["samm faces"] == "aligned to 224 x 224"
    assert "UF1" in capsys.readouterr().out


def test_twins_take_the_place_of_databases_only_where_the_suite_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("MER_DATA", raising=False)
    monkeypatch.setattr("benchmark.methods.source.data_root", lambda flag: flag)
    source = "{name: databases, databases: {samm: {}, casme2: {release: casme2-2014}}, scale: 0.1%s}"
    with pytest.raises(DataError, match="--data: databases needs the folder"):
        load_suite(write(tmp_path, source % "")).source.open(None)
    twins = load_suite(write(tmp_path, source % ", without_data: twins")).source.open(None)
    assert twins.synthetic
    assert twins.name == "synthetic-samm+synthetic-casme2"
    assert "casme2-2014" in twins.release


@pytest.mark.parametrize("name", ["paper-s1", "paper-s4"])
def test_the_papers_that_spot_smics_apex_do_so_on_twins_too(name, monkeypatch):
    monkeypatch.delenv("MER_DATA", raising=False)
    source = load_suite(name).source.model_copy(update={"scale": 0.1})
    assert source.edition == "spotted"
    twins = source.open(None)
    open_apex = {
        database: {s.apex is None for s in twins.samples if s.database == database} for database in ("smic", "casme2")
    }
    assert open_apex == {"smic": {True}, "casme2": {False}}


def test_a_suite_pairs_methods_with_protocols_and_flags_choose_among_them():
    suite = load_suite("paper-s1")
    everything = suite.pairs()
    assert len(everything) == len(set(everything))
    assert ("megc2019", "ststnet") in everything
    assert ("megc2019", "me-resnet") not in everything
    assert set(suite.pairs(methods=["ststnet"])) == {("megc2019", "ststnet")}
    assert suite.pairs(["linear-svm"]) == [(protocol, "linear-svm") for protocol in suite.protocols]
    assert suite.pairs(["ststnet"], ["samm-3"]) == [("samm-3", "ststnet")]
    assert {protocol for protocol, _ in suite.pairs(protocols=["samm-3"])} == {"samm-3"}


def test_choices_of_a_database_for_pretraining_are_followed(tmp_path):
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    source = load_suite(write(tmp_path, "{name: databases, databases: {samm: {}, fer2013: {release: samm-v2}}}")).source
    with pytest.raises(DataError, match="release samm-v2 is not one of fer2013"):
        source.open_pretraining("fer2013", tmp_path)
