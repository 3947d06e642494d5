"""``mer-bench new``: files of one's own to start from, which work at once."""

from __future__ import annotations

import keyword
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.new_database import add_new_database
from benchmark.commands.output import open_console
from benchmark.places import workspace
from benchmark.records.board_names import mine
from mer_lightning.files import write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from benchmark.commands.options import Commands

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PACKAGE = "nets"


def add_new_commands(commands: Commands) -> None:
    """Register ``new`` with a command for each thing that can be written; each sets ``handler``."""
    parser = commands.add_parser("new", help="write a method or a database of your own to start from")
    things = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_method(things)
    add_new_database(things)


def _add_method(things: Commands) -> None:
    method = things.add_parser("method", help="a network, its recipe and a test, which pass at once")
    method.add_argument("name", metavar="NAME", help="lower-case letters, digits and -, e.g. my-net")
    method.set_defaults(handler=_new_method)


def _new_method(arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    root = workspace().root
    if workspace().is_project:
        raise DataError(
            f"{root}: is the project itself, see docs/adding.md there; expected --workspace with a folder of your own"
        )
    _check_method(name)
    module = name.replace("-", "_")
    words = [word.capitalize() for word in name.split("-")]
    given = {"name": name, "module": module, "cls": "".join(words), "title": " ".join([words[0], *name.split("-")[1:]])}
    net = root / _PACKAGE / f"{module}.py"
    wanted = {
        net: _from_template("net.py", given),
        workspace().methods / f"{name}.yaml": _from_template("method.yaml", given),
        root / "tests" / f"test_{module}.py": _from_template("test_net.py", given),
    }
    write_new(wanted)
    package = net.parent / "__init__.py"
    if not package.exists():
        write_text(package, '"""Networks of my own."""\n')
    console = open_console()
    for path in wanted:
        console.print(f"wrote {path}")
    there = "" if root == Path.cwd() else f" --workspace {shlex.quote(str(root))}"
    console.print(f"try it:     mer-bench run --suite smoke --method {name} --method majority{there}")
    console.print(f"test it:    pytest {shlex.quote(str(root / 'tests'))}")
    # the clips of the smoke test are fewer than those of the protocol's leaderboard
    console.print(f"compare it: mer-bench compare --protocol {mine('synthetic-smic-3')} {name} majority{there}")
    return 0


def write_new(texts: Mapping[Path, str]) -> None:
    """Write files that are not there yet: all of them, or none.

    Args:
        texts: What to write, by file.

    Raises:
        DataError: One of them is there already.
    """
    for path in texts:
        if path.exists():
            raise DataError(f"{path}: is there already; nothing was written, choose another name or move it away")
    for path, text in texts.items():
        write_text(path, text)


def _check_method(name: str) -> None:
    """Make sure that a method can be called so."""
    from benchmark.methods.recipe_files import MARKED_ROW, recipe_paths

    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module):
        raise DataError(
            f"NAME {name}: expected lower-case letters, digits and single -, a letter first, and no word of Python, "
            "e.g. my-net"
        )
    if taken := MARKED_ROW.search(name):
        raise DataError(f"NAME {name}: '{taken[0]}' marks rows of other results in tables; expected another name")
    if name in (paths := recipe_paths()):
        raise DataError(f"NAME {name}: {paths[name]} has this name already; expected another one")


def _from_template(template: str, given: Mapping[str, str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(f"{template}.jinja").render(given)
