"""What is recorded: folds, runs, contributions and pre-training."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RUN = "majority--smic-3--s0--0123456789"
_PEOPLE = ("smic/s01", "smic/s02")


def _json(place: str, name: str, change: Callable[[dict[str, Any]], object]) -> Fault:
    def plant(folder: Path) -> None:
        path = folder / place
        body = json.loads(path.read_text(encoding="utf-8"))
        change(body)
        path.write_text(json.dumps(body), encoding="utf-8")

    return Fault(name, plant)


def _set(*keys: Any, to: Any) -> Callable[[dict[str, Any]], object]:  # noqa: ANN401 - whatever JSON holds
    def change(body: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        *parents, last = keys
        for key in parents:
            body = body[key]
        body[last] = to

    return change


def _fold(person: str) -> Any:  # noqa: ANN401 - a FoldRecord
    from benchmark.records.fold import FoldRecord, PredictionRecord

    guesses = ((0, (0.7, 0.2, 0.1)), (2, (0.1, 0.2, 0.7)))
    return FoldRecord(
        held_out=person,
        predictions=tuple(
            PredictionRecord(key=f"{person}/c{place}", label=place, prediction=guess, scores=scores)
            for place, (guess, scores) in enumerate(guesses)
        ),
        samples={"train": 2, "validation": 0},
        seconds=1.5,
        curve={"train_loss": (1.0, 0.5)},
        epoch=2,
    )


def _write_folds(folder: Path) -> None:
    from benchmark.records.store import RunManifest, Store

    store = Store(folder)
    for run in (_RUN, f"{_RUN[:-1]}8"):
        store.begin(RunManifest(run=run, method="majority", board="smic-3", seed=0, folds=2))
        for person in _PEOPLE:
            store.save_fold(run, _fold(person))


def _read_folds(folder: Path) -> Seen:
    """As ``status`` and ``audit`` do; a fold that counts as missing is one that ``run`` trains again."""
    from benchmark.records.audit import audit_folder
    from benchmark.records.store import Store

    store = Store(folder)
    said: list[str] = []
    value: dict[str, object] = {}
    for manifest in store.manifests():
        kept = store.kept(manifest.run)
        value |= {f"{manifest.run}/{person}": fold.model_dump() for person, fold in kept.folds.items()}
        said += [*kept.damaged, f"{manifest.run}: {len(kept.folds)}/{manifest.folds} folds"]
        said += [f"{manifest.run}: {kept.unchecked} folds without checksum"] * bool(kept.unchecked)
    said += [problem for audited in audit_folder(folder) for problem in audited.problems]
    said += store.strays()
    return Seen(value, tuple(said))


def fold_records() -> Area:
    """Records of folds and the manifest of their run."""
    place = f"{_RUN}/folds/smic--s01.json"

    def copy(source: str) -> Callable[[Path], object]:
        return lambda folder: shutil.copy(folder / source, folder / place)

    faults = (
        _json(place, "another prediction, its scores not", _set("predictions", 0, "prediction", to=1)),
        _json(place, "another label", _set("predictions", 0, "label", to=1)),
        _json(place, "another key", _set("predictions", 0, "key", to="smic/s01/c9")),
        _json(place, "a key of another subject", _set("predictions", 0, "key", to="smic/s02/c0")),
        _json(place, "a score that is not finite", _set("predictions", 0, "scores", to=[float("nan"), 0.0, 0.0])),
        _json(place, "a prediction of no class", _set("predictions", 0, "prediction", to=7)),
        _json(place, "a prediction that is true", _set("predictions", 0, "prediction", to=True)),
        _json(place, "a prediction that is a text", _set("predictions", 0, "prediction", to="1")),
        _json(place, "a prediction that is a fraction", _set("predictions", 0, "prediction", to=1.5)),
        _json(place, "a prediction less", lambda body: body["predictions"].pop()),
        _json(place, "a prediction twice", lambda body: body["predictions"].append(body["predictions"][0])),
        _json(place, "predictions in another order", lambda body: body["predictions"].reverse()),
        _json(place, "no checksum", lambda body: body.pop("checksum")),
        _json(place, "a checksum of nothing", _set("checksum", to="")),
        _json(place, "a checksum that is no text", _set("checksum", to=3)),
        _json(place, "another subject", _set("held_out", to="smic/s02")),
        _json(place, "another epoch", _set("epoch", to=1)),
        _json(place, "another time", _set("seconds", to=2.0)),
        _json(place, "a time that is negative", _set("seconds", to=-1.0)),
        _json(place, "another curve", _set("curve", "train_loss", to=[1e308, 0.5])),
        _json(place, "a key that is unknown", _set("mood", to=1)),
        _json(place, "another version of the form", _set("schema_version", to=2)),
        Fault("the record of the same fold of another run", copy(f"{_RUN[:-1]}8/folds/smic--s01.json")),
        Fault("the record of another fold", copy(f"{_RUN}/folds/smic--s02.json")),
        Fault("a fold under a name that is none", lambda f: shutil.copy(f / place, f / _RUN / "folds" / "x--y.json")),
        Fault("a folder of a run under another name", lambda f: (f / _RUN).rename(f / f"{_RUN}x")),
        _json(f"{_RUN}/run.json", "a manifest of another run", _set("run", to="x")),
        _json(f"{_RUN}/run.json", "a manifest of no protocol", _set("board", to="nosuch")),
        _json(f"{_RUN}/run.json", "a manifest without folds", lambda body: body.pop("folds")),
    )
    return Area(
        "fold records", _write_folds, _read_folds, {"record": place, "manifest": f"{_RUN}/run.json"}, faults=faults
    )


def _run_record(**changes: Any) -> Any:  # noqa: ANN401 - a RunRecord
    from benchmark.records.fold import confusion_of
    from benchmark.records.run import DataProvenance, RunRecord
    from mer_lightning.protocols import get_protocol

    protocol = get_protocol("smic-3")
    data = DataProvenance(source="smic", release="r", synthetic=False, table_hash="t" * 64, content_hash="c" * 64)
    given: dict[str, Any] = {
        "run": _RUN,
        "method": "majority",
        "title": "Majority",
        "board": "smic-3",
        "protocol": "smic-3",
        "protocol_version": protocol.version,
        "protocol_hash": protocol.hash,
        "selection": protocol.selection,
        "recipe_hash": "b" * 64,
        "recipe": {"deviations": []},
        "data": data,
        "seed": 0,
        "classes": protocol.scheme.classes,
        "databases": ("smic",),
        "folds": 2,
        "finished": 2,
        "confusion": confusion_of([_fold(person) for person in _PEOPLE], 3),
        "versions": {"torch": "2"},
        "device": "CPU",
        "seconds": 3.0,
    }
    return RunRecord(**given | changes)


def _write_records(folder: Path) -> None:
    from benchmark.records.run import save_run

    save_run(folder, _run_record())
    save_run(folder, _run_record(method="other", seed=1))


def _read_records(folder: Path) -> Seen:
    from benchmark.records.run import load_runs

    found = load_runs(folder)
    said = [f"{len(found)} records", *(f"{run.method}: no checksum" for run in found if not run.checked)]
    return Seen([run.model_dump() for run in found], tuple(said))


def run_records() -> Area:
    """Committed records."""
    place = "smic-3/majority/seed0.json"
    odd = ("<script>", "../../up", "Majority", "", "a b", "a\n", "a|b", "$x$", "=1")
    faults = (
        _json(place, "another count", _set("confusion", "smic/s01", 0, 0, to=2)),
        _json(place, "a count that is negative", _set("confusion", "smic/s01", 0, 0, to=-1)),
        _json(place, "a count that is huge", _set("confusion", "smic/s01", 0, 0, to=10**30)),
        _json(place, "a count that is a fraction", _set("confusion", "smic/s01", 0, 0, to=0.5)),
        _json(place, "a matrix of another size", _set("confusion", "smic/s01", to=[[1, 0], [0, 1]])),
        _json(place, "a subject less", lambda body: body["confusion"].pop("smic/s01")),
        _json(place, "a subject more", _set("confusion", "smic/s03", to=[[1, 0, 0]] * 3)),
        _json(place, "a subject of another database", _set("confusion", "samm/006", to=[[1, 0, 0]] * 3)),
        _json(place, "another title", _set("title", to="Best")),
        _json(place, "another seed", _set("seed", to=1)),
        _json(place, "another protocol", _set("protocol", to="samm-3")),
        _json(place, "another board", _set("board", to="samm-3")),
        _json(place, "a protocol that is unknown", _set("protocol", to="nosuch")),
        _json(place, "invented data that is said to be real", _set("data", "synthetic", to=True)),
        _json(place, "another content", _set("data", "content_hash", to="d" * 64)),
        _json(place, "another recipe", _set("recipe", "deviations", to=["Smaller."])),
        _json(place, "a recipe that is a text", _set("recipe", to="x")),
        _json(place, "classes in another order", _set("classes", to=["surprise", "positive", "negative"])),
        _json(place, "no checksum", lambda body: body.pop("checksum")),
        _json(place, "a key that is unknown", _set("mood", to=1)),
        _json(place, "no recipe", lambda body: body.pop("recipe")),
        _json(place, "more folds than there are", _set("finished", to=3)),
        _json(place, "a time that is not finite", _set("seconds", to=float("inf"))),
        *(_json(place, f"a method {name!r}", _set("method", to=name)) for name in odd),
        *(_json(place, f"an edition {name!r}", _set("edition", to=name)) for name in odd if name),
        Fault("a record in the place of another", lambda f: shutil.copy(f / place, f / "smic-3/other/seed1.json")),
        Fault("a record on another board", lambda f: shutil.copytree(f / "smic-3", f / "samm-3")),
    )
    return Area("records of runs", _write_records, _read_records, {"record": place}, faults=faults)


def _write_contributed(folder: Path) -> None:
    from benchmark.records.contributed import About, ContributedRecord, save_contributed

    record = _run_record()
    about = About(name="theirs", title="Theirs", authors="A", selection="honest", input="onset and apex")
    save_contributed(
        folder,
        ContributedRecord(
            board="smic-3",
            protocol="smic-3",
            protocol_version=record.protocol_version,
            protocol_hash=record.protocol_hash,
            about=about,
            classes=record.classes,
            databases=("smic",),
            confusion=record.confusion,
            predictions_hash="a" * 64,
            table_hash="",
            held_by="counts",
        ),
    )


def _read_contributed(folder: Path) -> Seen:
    from benchmark.records.contributed import load_contributed

    found = load_contributed(folder)
    return Seen([one.model_dump() for one in found], (f"{len(found)} contributed",))


def contributed() -> Area:
    """Records of predictions of others."""
    place = "smic-3/theirs.json"
    odd = ("<b>", "a|b", "a`b", "two\nlines", "")
    faults = (
        _json(place, "another count", _set("confusion", "smic/s01", 0, 0, to=2)),
        _json(place, "a matrix of another size", _set("confusion", "smic/s01", to=[[1]])),
        _json(place, "another rule", _set("about", "selection", to="best")),
        _json(place, "an address that is a script", _set("about", "url", to="javascript:alert(1)")),
        _json(place, "another name", _set("about", "name", to="other")),
        *(_json(place, f"a title {text!r}", _set("about", "title", to=text)) for text in odd),
    )
    return Area("contributed records", _write_contributed, _read_contributed, {"record": place}, faults=faults)


def _write_pretraining(folder: Path) -> None:
    from benchmark.records.run import PretrainingRecord
    from benchmark.records.store import Store

    record = PretrainingRecord(
        source="fer2013",
        release="r",
        synthetic=False,
        hash="h",
        samples={"train": 10, "validation": 2},
        epoch=3,
        validation_accuracy=0.5,
    )
    for run in (_RUN, "other"):
        Store(folder).save_pretraining(run, record)


def _read_pretraining(folder: Path) -> Seen:
    from benchmark.records.store import Store

    found = Store(folder).pretraining(_RUN)
    return Seen(found and found.model_dump(), () if found else ("no pre-training",))


def pretraining() -> Area:
    """What the folds of a run started from."""
    place = f"{_RUN}/pretraining.json"
    faults = (
        _json(place, "another accuracy", _set("validation_accuracy", to=0.9)),
        _json(place, "an accuracy above 1", _set("validation_accuracy", to=1.5)),
        _json(place, "another epoch", _set("epoch", to=4)),
        Fault("that of another run", lambda f: (f / place).write_text((f / "other/pretraining.json").read_text())),
    )
    # the same words of another run would be the same, but for whose they are
    return Area("records of pre-training", _write_pretraining, _read_pretraining, {"record": place}, faults=faults)
