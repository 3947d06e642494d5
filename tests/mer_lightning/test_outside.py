"""Code outside the suite is found and hashed without being run, and what is wrong with it is one line."""

import sys

import pytest

from mer_lightning.outside import (
    ESTIMATORS,
    MODELS,
    Place,
    check_unchanged,
    find_place,
    found_in,
    importable,
    load_class,
    offers,
    source_hash,
)
from mer_lightning.settings import Component
from mer_lightning.types import DataError
from tests.small_packages import NET, write, write_distribution

BOOM = "raise RuntimeError('this file was run')\n"


@pytest.fixture
def root(tmp_path):
    with importable(tmp_path):
        yield tmp_path


class TestImportable:
    def test_a_folder_is_importable_for_a_while_and_forgotten_then(self, tmp_path):
        write(tmp_path, {"nets/small.py": NET})
        before = [*sys.path]
        with importable(tmp_path):
            assert load_class(Place("nets.small", "Net")).__name__ == "Net"
        assert sys.path == before
        assert "nets.small" not in sys.modules

    def test_what_changed_between_two_commands_is_read_again(self, tmp_path):
        for width in (4, 8):
            write(tmp_path, {"nets/small.py": NET.replace("width: int = 4", f"width: int = {width}")})
            with importable(tmp_path):
                network = Component(name="nets.small.Net").build(MODELS, classes=3, in_channels=3)
                assert network.body.out_channels == width

    def test_a_file_never_takes_the_place_of_something_installed(self, root):
        write(root, {"colorsys.py": BOOM})
        import colorsys

        assert colorsys.rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)


class TestFindPlace:
    def test_two_words_are_of_the_suite_and_three_are_not(self):
        assert find_place("ststnet.STSTNet", MODELS) is None
        assert find_place("nets.small.Net", MODELS) == Place("nets.small", "Net")

    def test_a_path_into_the_suite_is_refused(self):
        with pytest.raises(DataError, match=r"is of the suite; expected <file>\.<Class>"):
            find_place("mer_lightning.models.ststnet.STSTNet", MODELS)


class TestFoundIn:
    def test_it_says_whose_code_it_is(self, root, tmp_path_factory):
        other = write(tmp_path_factory.mktemp("other"), {"theirs/small.py": NET})
        write(root, {"nets/small.py": NET})
        assert found_in(Place("nets.small", "Net"), root) == "workspace"
        assert found_in(Place("torch.nn.modules.linear", "Linear"), root).startswith("torch ")
        with importable(other):
            assert found_in(Place("theirs.small", "Net"), root) == "Python path"

    def test_code_of_the_workspace_that_python_does_not_find_first_is_refused(self, tmp_path):
        first, root = (write(tmp_path / name, {"nets/__init__.py": "", "nets/small.py": NET}) for name in "ab")
        with importable(first), importable(root), pytest.raises(DataError, match="is not what Python finds first"):
            found_in(Place("nets.small", "Net"), root)


class TestSourceHash:
    def test_it_covers_what_is_imported_from_beside_it_and_nothing_else(self, root):
        files = {
            "nets/__init__.py": "",
            "nets/small.py": "import math\nfrom . import parts\n\n\ndef late():\n    import blocks.conv\n",
            "nets/parts.py": "from numpy import ones\n",
            "nets/other.py": "",
            "blocks/conv.py": "",
        }
        write(root, files)
        first = source_hash("nets.small")
        for name, matters in {**dict.fromkeys(files, True), "nets/other.py": False}.items():
            write(root, {name: files[name] + "# changed\n"})
            assert (source_hash("nets.small") != first) is matters, name
            write(root, {name: files[name]})
        assert source_hash("nets.small") == first

    def test_it_does_not_depend_on_where_the_folder_lies(self, tmp_path):
        hashes = set()
        for name in ("a", "b"):
            write(tmp_path / name, {"nets/small.py": NET})
            with importable(tmp_path / name):
                hashes.add(source_hash("nets.small"))
        assert len(hashes) == 1

    def test_nothing_is_run_for_it(self, root):
        write(root, {"nets/__init__.py": BOOM, "nets/small.py": BOOM})
        assert len(source_hash("nets.small")) == 64

    def test_of_a_distribution_it_covers_the_package_alone(self, root):
        write_distribution(root, "", {"acme/nets.py": "import other\n", "other.py": ""})
        first = source_hash("acme.nets")
        write(root, {"other.py": "# changed\n"})
        assert source_hash("acme.nets") == first


class TestLoadClass:
    @pytest.mark.parametrize(
        ("files", "name", "says"),
        [
            ({}, "nets.small.Net", "no module nets.small; expected nets/small.py in the workspace"),
            ({"nets/small.py": ""}, "nets.small.Net", "no class Net in nets/small.py"),
            ({"nets/small.py": "Net = 3\n"}, "nets.small.Net", "no class Net in nets/small.py"),
            (
                {"nets/small.py": "from torch import Tensor\n"},
                "nets.small.Tensor",
                "Tensor is only imported in nets/small.py; it is defined in torch",
            ),
            (
                {"nets/small.py": "import math\n\nimport nosuch\n"},
                "nets.small.Net",
                "nets/small.py, line 3: ModuleNotFoundError: No module named 'nosuch'",
            ),
            (
                {"nets/small.py": "from nets.parts import x\n", "nets/parts.py": "\nx = 1 / 0\n"},
                "nets.small.Net",
                "nets/parts.py, line 2: ZeroDivisionError: division by zero",
            ),
            ({"nets/small.py": "x = 1\ndef f(:\n"}, "nets.small.Net", "nets/small.py, line 2: SyntaxError: "),
            ({"nets/small.py": "import sys\nsys.exit(3)\n"}, "nets.small.Net", "nets/small.py, line 2: SystemExit: 3"),
            (
                {"nets/small.py": "class Left(BaseException): pass\nraise Left('early')\n"},
                "nets.small.Net",
                "nets/small.py, line 2: Left: early",
            ),
            ({"small.py": ""}, "small.Net", "no file small.py in mer_lightning/models; code of one's own has three"),
            (
                {"nets/small.py": "class Net: pass\n"},
                "nets.small.Net",
                "Net is another kind of class; expected a torch",
            ),
        ],
    )
    def test_what_is_wrong_is_one_line(self, root, files, name, says):
        write(root, files)
        with pytest.raises(DataError) as raised:
            Component(name=name).load(MODELS)
        assert str(raised.value).startswith("name: ")
        assert says in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_a_class_that_a_file_of_the_suite_only_imports_is_refused_too(self):
        with pytest.raises(DataError, match=r"name: Tensor is only imported in mer_lightning/models/layers\.py"):
            Component(name="layers.Tensor").load(MODELS)
        with pytest.raises(DataError, match="expected an estimator, with fit and predict"):
            Component(name="estimator.TrainingSide").load(ESTIMATORS)

    def test_arguments_of_types_of_ones_own_are_left_to_the_constructor(self, root):
        net = "class Odd:\n    pass\n" + NET.replace("width: int", "width: Odd")
        write(root, {"nets/small.py": net})
        assert Component(name="nets.small.Net", arguments={"width": 2}).build(MODELS, classes=3, in_channels=3)

    def test_annotations_of_a_type_checker_alone_are_no_obstacle(self, root):
        write(root, {"nets/small.py": "from __future__ import annotations\n" + NET.replace("width: int", "width: Odd")})
        assert Component(name="nets.small.Net", arguments={"width": 2}).build(MODELS, classes=3, in_channels=3)

    def test_a_file_that_was_changed_after_it_was_planned_is_refused(self, root):
        write(root, {"nets/small.py": NET})
        planned = source_hash("nets.small")
        write(root, {"nets/small.py": NET + "# changed\n"})
        with pytest.raises(DataError, match="changed since the run was planned"):
            check_unchanged(Place("nets.small", "Net"), planned)

    def test_a_file_that_is_changed_after_it_was_loaded_is_what_was_planned(self, root):
        write(root, {"nets/small.py": NET})
        planned = source_hash("nets.small")
        load_class(Place("nets.small", "Net"))
        write(root, {"nets/small.py": NET + "# changed\n"})
        check_unchanged(Place("nets.small", "Net"), planned)


class TestOffers:
    def test_a_distribution_offers_a_class_beside_those_of_the_suite(self, root):
        write_distribution(root, "[mer_bench.models]\nacme.Net = acme.nets:Net\n", {"acme/nets.py": NET})
        place = find_place("acme.Net", MODELS)
        assert place == Place("acme.nets", "Net", "acme-mer 1.2")
        assert found_in(place, root) == "acme-mer 1.2"
        assert Component(name="acme.Net").build(MODELS, classes=3, in_channels=3)
        assert find_place("acme.Net", ESTIMATORS) is None

    def test_a_file_of_the_suite_comes_first(self, root):
        write_distribution(root, "[mer_bench.models]\nststnet.STSTNet = acme.nets:Net\n", {"acme/nets.py": NET})
        assert find_place("ststnet.STSTNet", MODELS) is None

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("acme.Net = acme.nosuch:Net", "acme-mer 1.2: acme.nosuch:Net: no module acme.nosuch"),
            ("acme.Net = acme.nets:Nosuch", "acme-mer 1.2: acme.nets:Nosuch: no class Nosuch in acme/nets.py"),
        ],
    )
    def test_an_offer_that_leads_nowhere_names_the_distribution(self, root, line, says):
        write_distribution(root, f"[mer_bench.models]\n{line}\n", {"acme/nets.py": NET})
        with pytest.raises(DataError, match=says):
            Component(name="acme.Net").load(MODELS)

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("Net = acme.nets:Net", "mer_bench.models: Net: expected a name like acme.MyNet"),
            ("acme.Net = acme.nets", "acme.Net: expected <module>:<Class>, not acme.nets"),
            ("nonsense", "entry_points.txt is not readable"),
        ],
    )
    def test_a_broken_offer_is_a_line_that_names_the_distribution(self, root, line, says):
        write_distribution(root, f"[mer_bench.models]\n{line}\n", {})
        (problem,) = offers("mer_bench.models").problems
        assert problem.startswith("acme-mer 1.2: ")
        assert says in problem

    def test_two_distributions_that_offer_one_name_are_named(self, root):
        for name in ("acme-mer", "other-mer"):
            write_distribution(root, "[mer_bench.models]\nacme.Net = acme.nets:Net\n", {"acme/nets.py": NET}, name)
        with pytest.raises(DataError, match=r"acme\.Net is offered by acme-mer 1\.2 and by other-mer 1\.2"):
            find_place("acme.Net", MODELS)
