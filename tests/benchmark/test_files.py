import json

import pytest

from benchmark.files import load_json, load_yaml, write_json
from mer_lightning.settings import Settings
from mer_lightning.types import DataError


class Size(Settings):
    height: int


class Named(Size):
    name: str


def test_writing_leaves_the_old_file_whole_when_it_fails(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_file_is_called_it_does_not_say_otherwise(tmp_path):
    path = tmp_path / "tall.yaml"
    path.write_text("name: tall\nheight: 3\n")
    assert load_yaml(path, Named, name="tall").height == 3
    path.write_text("name: small\nheight: 3\n")
    with pytest.raises(DataError, match=r"tall\.yaml: name: is 'tall', which the file does not say itself"):
        load_yaml(path, Named, name="tall")


def test_what_was_written_is_read_again(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"height": 3})
    assert load_json(path, Size) == Size(height=3)
    write_json(path, [{"height": 3}, {"height": 4}])
    assert load_json(path, tuple[Size, ...]) == (Size(height=3), Size(height=4))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"height": 3}, {"height": "x"}]', r"a\.json: 1\.height: Input should be a valid integer"),
        ("[{}]", r"a\.json: 0\.height: missing"),
        ("{", r"a\.json: file: Invalid JSON"),
    ],
)
def test_what_is_something_else_is_named(tmp_path, text, says):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        load_json(path, tuple[Size, ...])
