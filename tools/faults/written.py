"""What people write: recipes, suites, protocols, and tables of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.faults.common import edits
from tools.faults.damage import CUT, FLIP
from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = frozenset({FLIP, CUT})
"""What people write carries no checksum: another word is another file, and half of one may be sound. Its hash tells."""


_RECIPE = """title: Small SVM
summary: A support vector machine.
tier: A
deviations: [Smaller.]
representation: flow_map
estimator:
  name: linear_svm.LinearSVM
  arguments: {costs: [0.1, 1.0], inner_folds: 5}
"""
_NETWORK = """title: Small network
summary: A network.
tier: A
deviations: []
representation: {name: flow_map, arguments: {}}
model: {name: ststnet.STSTNet, arguments: {}}
training:
  epochs: 3
  batch_size: 8
  optimizer: {name: adam, lr: 0.001}
"""
_MEAN = """title: Both
summary: The mean of both.
tier: B
deviations: []
ensemble:
  rule: average
  members: [{method: small-svm, weight: 2.0}, {method: small-net}]
"""


def _write_recipes(folder: Path) -> None:
    for name, text in (("small-svm", _RECIPE), ("small-net", _NETWORK), ("both", _MEAN)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def _read_recipes(folder: Path) -> Seen:
    from contextvars import copy_context

    def read() -> list[object]:
        from benchmark.methods.recipe import load_recipe
        from benchmark.methods.recipe_check import check_recipe
        from benchmark.methods.recipe_files import name_of

        names = [name_of(str(folder / f"{name}.yaml")) for name in ("small-svm", "small-net", "both")]
        recipes = [load_recipe(name) for name in names]
        for recipe in recipes:
            check_recipe(recipe)
        return [(recipe.title, recipe.hash) for recipe in recipes]

    return Seen(copy_context().run(read))


def recipes() -> Area:
    """Recipes: an estimator, a network and an ensemble of both."""
    yaml = (
        ("a key twice", "tier: A", "tier: A\ntier: B"),
        ("a key that is unknown", "tier: A", "tier: A\nmood: good"),
        ("a key that is a list", "tier: A", "? [tier]\n: A"),
        ("a key that is missing", "tier: A\n", ""),
        ("a tabulator", "tier: A", "\ttier: A"),
        ("an alias of nothing", "tier: A", "tier: *x"),
        ("a value that stands within itself", "[Smaller.]", "&a [*a]"),
        ("a date", "title: Small SVM", "title: 2026-01-02"),
        ("a date that there is not", "title: Small SVM", "title: 2026-02-31"),
        ("a set", "[Smaller.]", "!!set {Smaller.}"),
        ("bytes", "title: Small SVM", "title: !!binary aGk="),
        ("an object of Python", "title: Small SVM", "title: !!python/object:os.system x"),
        ("two documents", "tier: A", "tier: A\n---\ntier: A"),
        ("a number as title", "title: Small SVM", "title: 3"),
        ("a tier that there is not", "tier: A", "tier: S"),
        ("an estimator that there is not", "LinearSVM", "LinearSWM"),
        ("an estimator that is an import of its file", "linear_svm.LinearSVM", "linear_svm.TrainingSide"),
        ("an estimator that is a model", "linear_svm.LinearSVM", "ststnet.STSTNet"),
        ("an estimator outside of its room", "linear_svm.LinearSVM", "os.system"),
        ("an argument that is unknown", "inner_folds: 5", "inner_fold: 5"),
        ("an argument of another type", "inner_folds: 5", "inner_folds: five"),
        ("an argument that is not finite", "[0.1, 1.0]", "[.nan, 1.0]"),
        ("an argument that is huge", "[0.1, 1.0]", "[1.0e+400]"),
        ("a representation that there is not", "flow_map", "flow_mop"),
        ("nothing but a list", "title: Small SVM", "- title: Small SVM"),
        ("a value nested deeply", "[Smaller.]", "[" * 200 + "]" * 200),
    )
    network = (
        ("a model that there is not", "ststnet.STSTNet", "ststnet.STNet"),
        ("a model that is an import of its file", "ststnet.STSTNet", "layers.Tensor"),
        ("a rate that is not finite", "lr: 0.001", "lr: .inf"),
        ("a rate that is negative", "lr: 0.001", "lr: -0.001"),
        ("no epoch", "epochs: 3", "epochs: 0"),
        ("half an epoch", "epochs: 3", "epochs: 2.5"),
        ("epochs that are true", "epochs: 3", "epochs: true"),
        ("an empty batch", "batch_size: 8", "batch_size: 0"),
        ("an optimizer that there is not", "name: adam", "name: adamant"),
        ("a precision that there is not", "epochs: 3", "epochs: 3\n  precision: 8-true"),
    )
    mean = (
        ("a weight of 1e308", "weight: 2.0", "weight: 1.0e+308"),
        ("a weight of 0", "weight: 2.0", "weight: 0.0"),
        ("a weight that is not finite", "weight: 2.0", "weight: .nan"),
        ("a member that there is not", "small-net", "smaller-net"),
        ("a member twice", "small-net", "small-svm"),
        ("a member that is itself", "small-net", "both"),
        ("a rule that there is not", "average", "median"),
    )
    faults = (
        *edits("small-svm.yaml", yaml),
        *edits("small-net.yaml", network),
        *edits("both.yaml", mean),
        Fault("a name with capitals", lambda f: (f / "small-svm.yaml").rename(f / "Small.yaml")),
    )
    return Area("recipes", _write_recipes, _read_recipes, {"recipe": "small-svm.yaml"}, _TEXT, faults)


_SUITE = """title: Mine
summary: A suite.
methods: [majority]
protocols: [smic-3]
seeds: [0, 1]
source: {name: synthetic-flow, scale: 0.3}
"""


def _write_suite(folder: Path) -> None:
    (folder / "mine.yaml").write_text(_SUITE, encoding="utf-8")


def _read_suite(folder: Path) -> Seen:
    from benchmark.methods.protocol_files import find_protocol
    from benchmark.methods.recipe import load_recipe
    from benchmark.methods.suite import load_suite

    suite = load_suite(str(folder / "mine.yaml"))
    for protocol, method in suite.pairs((), ()):
        find_protocol(protocol)
        load_recipe(method)
    return Seen(suite.model_dump(mode="json"))


def suites() -> Area:
    """A suite."""
    changes = (
        ("a method that there is not", "[majority]", "[minority]"),
        ("no method", "[majority]", "[]"),
        ("a method that is a path", "[majority]", "[../majority]"),
        ("a protocol that there is not", "[smic-3]", "[smic-4]"),
        ("a selection that there is not", "[smic-3]", "[smic-3+luck]"),
        ("a seed that is negative", "[0, 1]", "[-1]"),
        ("a seed that is huge", "[0, 1]", "[99999999999999]"),
        ("a seed that is a text", "[0, 1]", "['0']"),
        ("no seed", "[0, 1]", "[]"),
        ("a source that there is not", "synthetic-flow", "flow"),
        ("a scale that is negative", "scale: 0.3", "scale: -0.3"),
        ("a scale that is not finite", "scale: 0.3", "scale: .inf"),
        ("a key that is unknown", "scale: 0.3", "skale: 0.3"),
        ("an edition with a slash", "scale: 0.3", "scale: 0.3, edition: a/b"),
        ("an edition that is a tag", "scale: 0.3", "scale: 0.3, edition: <b>"),
    )
    faults = edits("mine.yaml", changes)
    return Area("suites", _write_suite, _read_suite, {"suite": "mine.yaml"}, _TEXT, faults)


_PROTOCOL = """title: Lab
version: 1
metric: uf1
held_out: subject
expected: {lab: {clips: {good: 1, bad: 2}, subjects: 2}}
labels:
  lab: {happy: good, sad: bad, angry: bad}
classes: [good, bad]
"""


def _write_protocol(folder: Path) -> None:
    (folder / "faults-lab.yaml").write_text(_PROTOCOL, encoding="utf-8")


def _read_protocol(folder: Path) -> Seen:
    from benchmark.methods.protocol_files import load_definition

    definition = load_definition(folder / "faults-lab.yaml")
    return Seen((definition.model_dump(exclude={"title"}), definition.protocol().hash))


def protocols() -> Area:
    """A protocol of one's own."""
    changes = (
        ("a class that no label becomes", "[good, bad]", "[good, bad, ugly]"),
        ("one class", "[good, bad]", "[good]"),
        ("a class twice", "[good, bad]", "[good, good]"),
        ("a class twice but for case", "[good, bad]", "[good, bad, Bad]"),
        ("a label that becomes no class", "angry: bad", "angry: badly"),
        ("a label with blanks around", "angry: bad", "' angry': bad"),
        ("a label that is empty", "angry: bad", "'': bad"),
        ("a label twice", "angry: bad", "sad: bad"),
        ("a database with a slash", "  lab:", "  l/b:"),
        ("a database that the counts lack", "  lab:", "  lob: {x: bad}\n  lab:"),
        ("a count that is negative", "good: 1", "good: -1"),
        ("a count of another class", "good: 1", "nice: 1"),
        ("no subject", "subjects: 2", "subjects: 0"),
        ("a metric that there is not", "uf1", "uf2"),
        ("a way that there is not", "held_out: subject", "held_out: nobody"),
        ("a split beside what is held out", "metric: uf1", "split: {test: [lab/s1]}\nmetric: uf1"),
        ("a split without anybody", "held_out: subject", "split: {test: []}"),
        ("a title with a line break", "title: Lab", 'title: "L\\nab"'),
        ("a title that is a tag", "title: Lab", "title: <b>Lab</b>"),
        ("a version of 0", "version: 1", "version: 0"),
        ("a key that is unknown", "version: 1", "version: 1\nmood: good"),
        ("a clip left out of no database", "version: 1", "version: 1\nleft_out: {x/y/z: gone}"),
    )
    rename = Fault("a name that boards begin with", lambda f: (f / "faults-lab.yaml").rename(f / "mine-lab.yaml"))
    faults = (*edits("faults-lab.yaml", changes), rename)
    return Area("protocols", _write_protocol, _read_protocol, {"protocol": "faults-lab.yaml"}, _TEXT, faults)


_HEADER = "database,subject,clip,label,prediction"
_PREDICTED = (("s1", "c1", 0, 0), ("s1", "c2", 1, 1), ("s2", "c3", 0, 1), ("s2", "c4", 1, 1), ("s3", "c5", 0, 0))


def _write_predictions(folder: Path) -> None:
    rows = [f"lab,{person},{clip},{label},{guess}" for person, clip, label, guess in _PREDICTED]
    (folder / "predictions.csv").write_text("\n".join((_HEADER, *rows)) + "\n", encoding="utf-8")


def _read_predictions(folder: Path) -> Seen:
    from benchmark.evidence.scoring import read_predictions
    from mer_lightning.protocols.definition import Definition, Expected

    protocol = Definition(
        name="faults-scores",
        title="Scores",
        classes=("no", "yes"),
        labels={"lab": {"no": "no", "yes": "yes"}},
        expected={"lab": Expected(clips={"no": 3, "yes": 2}, subjects=3)},
    ).protocol()
    scoring = read_predictions(folder / "predictions.csv", (), protocol)
    matrices = {person: matrix.tolist() for person, matrix in scoring.matrices.items()}
    return Seen((scoring.classes, matrices), (*scoring.remarks, *scoring.differences))


def predictions() -> Area:
    """A table of predictions, held against a protocol."""
    first = "lab,s1,c1,0,0"
    changes = (
        ("two columns of one title", "clip,label", "label,label"),
        ("two columns of one title but for case", "clip,label", "LABEL,label"),
        ("no column prediction", ",prediction", ",guess"),
        ("no column subject", "subject,", "person,"),
        ("a label that is 0.0", first, "lab,s1,c1,0.0,0"),
        ("a prediction that is 0.0", first, "lab,s1,c1,0,0.0"),
        ("a label that is 00", first, "lab,s1,c1,00,0"),
        ("a label that is a name", first, "lab,s1,c1,no,no"),
        ("a label that is a name in capitals", first, "lab,s1,c1,NO,No"),
        ("a label that is a fraction", first, "lab,s1,c1,0.5,0"),
        ("a label that is negative", first, "lab,s1,c1,-1,0"),
        ("a label that is no class", first, "lab,s1,c1,2,0"),
        ("a label that is not finite", first, "lab,s1,c1,nan,0"),
        ("a label of many digits", first, f"lab,s1,c1,{'1' * 400},0"),
        ("a label that is empty", first, "lab,s1,c1,,0"),
        ("a label in other digits", first, "lab,s1,c1,٠,0"),
        ("another label", first, "lab,s1,c1,1,0"),
        ("a prediction that is empty", first, "lab,s1,c1,0,"),
        ("a prediction that is no class", first, "lab,s1,c1,0,7"),
        ("a row twice", first, f"{first}\n{first}"),
        ("a row less", f"{first}\n", ""),
        ("a row too short", first, "lab,s1,c1,0"),
        ("a row too long", first, f"{first},1"),
        ("an empty row", first, f"\n{first}"),
        ("a quote that stays open", first, f'"{first}'),
        ("a subject that is empty", first, "lab,,c1,0,0"),
        ("a subject with a zero beside the same", first, "lab,s01,c1,0,0"),
        ("a subject in capitals beside the same", first, "lab,S1,c1,0,0"),
        ("a subject in wide letters beside the same", first, "lab,ｓ1,c1,0,0"),
        ("a subject with blanks around", first, "lab, s1 ,c1,0,0"),
        ("a database that is another", first, "lob,s1,c1,0,0"),
        ("a database in capitals", first, "LAB,s1,c1,0,0"),
        ("no header", f"{_HEADER}\n", ""),
        ("semicolons in one row", first, first.replace(",", ";")),
    )
    faults = edits("predictions.csv", changes)
    return Area(
        "predictions", _write_predictions, _read_predictions, {"file": "predictions.csv"}, frozenset({FLIP}), faults
    )
