"""Code outside the suite: classes that are named by dotted path, or that an installed distribution offers.

It is found and hashed without being run; it is run when its class is loaded.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distributions, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

MODELS, ESTIMATORS = "mer_lightning.models", "mer_lightning.descriptors"
REPRESENTATIONS, AUGMENTATIONS = "mer_lightning.motion", "mer_lightning.augmentation"
RECIPES = "mer_bench.recipes"
"""Group of entry points, each a package whose folder holds recipes."""
GROUPS = {MODELS: "mer_bench.models", ESTIMATORS: "mer_bench.estimators", REPRESENTATIONS: "mer_bench.representations"}
"""Group of entry points whose classes stand beside those of a room; each is called like them, ``acme.MyNet``."""
DOTTED = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){2,}"
"""How code outside the suite is named: ``my_package.nets.MyNet``, at least three words."""
OFFERED = r"[a-z][a-z0-9_]*\.[A-Z][A-Za-z0-9]*"
"""How a class is named that a distribution offers, or one of a room: ``<file>.<Class>``."""
_SUITE = frozenset({"benchmark", "mer_lightning", "tools"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something outside the suite is defined.

    Attributes:
        module: Its module, e.g. ``my_package.nets``.
        name: Its name there; empty for the module itself.
        distribution: Name and version of the distribution that offers it; empty where it is named by its path.
    """

    module: str
    name: str = ""
    distribution: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """What installed distributions offer in one group of entry points.

    Attributes:
        places: By the name of the entry point; of one name that several distributions use, all of them.
        problems: What cannot be read of them, a line each that names the distribution.
    """

    places: Mapping[str, tuple[Place, ...]]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    hash: str
    modules: tuple[str, ...]


_loaded: dict[str, _Loaded] = {}
"""What was read of each module outside the suite when it was loaded."""


@contextmanager
def importable(root: Path) -> Generator[None]:
    """What lies in a folder can be imported meanwhile, unless something that is installed has its name.

    Processes that are spawned meanwhile inherit this. What was loaded meanwhile is forgotten, so that the next time it
    is read again.
    """
    before, known = {*sys.modules}, {*_loaded}
    # last, so that nobody's random.py takes the place of Python's
    sys.path.append(str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for module in {*_loaded} - known:
            for name in {*_loaded.pop(module).modules} - before:
                sys.modules.pop(name, None)
        with suppress(ValueError):
            # the one that was added, not an equal one that was there
            sys.path.reverse()
            sys.path.remove(str(root))
        sys.path.reverse()


def find_place(name: str, room: str) -> Place | None:
    """Where a class is defined that a recipe names; None for one of the suite's own room.

    Args:
        name: As in a recipe.
        room: Package of the suite's own classes of this kind.

    Raises:
        DataError: A dotted path leads into the suite, or two distributions offer the name.
    """
    module, _, last = name.rpartition(".")
    if "." in module:
        if module.partition(".")[0] in _SUITE:
            raise DataError(f"name: {name} is of the suite; expected <file>.<Class> of it, or code outside")
        return Place(module, last)
    if not module or room not in GROUPS or _file(f"{room}.{module}") is not None:
        return None
    found = offers(GROUPS[room]).places.get(name, ())
    if len(found) > 1:
        raise DataError(f"name: {name} is offered by {' and by '.join(one.distribution for one in found)}")
    return found[0] if found else None


def offers(group: str) -> Offers:
    """What installed distributions offer in a group of entry points; nothing of it is run."""
    return _offers(group, tuple(sys.path))


@lru_cache(maxsize=16)
def _offers(group: str, path: tuple[str, ...]) -> Offers:
    places: dict[str, tuple[Place, ...]] = {}
    problems: list[str] = []
    seen: set[str] = set()
    for distribution in distributions(path=list(path)):
        # most have nothing to say here, and metadata takes long to read
        if "mer_bench." not in (distribution.read_text("entry_points.txt") or ""):
            continue
        called = f"{distribution.name} {distribution.version}"
        # of two of one name, Python imports the first
        if distribution.name in seen:
            continue
        seen.add(distribution.name)
        try:
            own = [entry for entry in distribution.entry_points if entry.group == group]
        except Exception as error:
            problems.append(f"{called}: entry_points.txt is not readable ({_error_text(error)})")
            continue
        for entry in own:
            module, _, name = (part.strip() for part in entry.value.partition(":"))
            if not re.fullmatch(r"\w+(\.\w+)*", module) or not re.fullmatch("" if group == RECIPES else r"\w+", name):
                expected = "a package" if group == RECIPES else "<module>:<Class>"
                problems.append(f"{called}: {group}: {entry.name}: expected {expected}, not {entry.value}")
            elif group != RECIPES and not re.fullmatch(OFFERED, entry.name):
                problems.append(f"{called}: {group}: {entry.name}: expected a name like acme.MyNet")
            else:
                places[entry.name] = (*places.get(entry.name, ()), Place(module, name, called))
    return Offers(places, tuple(problems))


def folder_of(place: Place) -> Path:
    """The folder of a package, or that a module lies in; it is not run.

    Raises:
        DataError: There is none.
    """
    return _existing_file(place).parent


def source_hash(module: str) -> str:
    """SHA-256 of the files of a module outside the suite and of all that it imports from beside it, not run.

    Beside it is what lies in the same folder as its top package; among installed distributions, that package alone.

    Raises:
        DataError: There is no such module.
    """
    _existing_file(Place(module))
    digest = hashlib.sha256()
    for name, path in sorted(_files_beside(module).items()):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def hash_of_class(found: type) -> str:
    """``source_hash`` of where a class is defined, when it was loaded; empty for the suite's, or without a file."""
    module = found.__module__
    if module.partition(".")[0] in _SUITE or _file(module) is None:
        return ""
    return _remember(module).hash


def found_in(place: Place, root: Path) -> str:
    """Whose code it is: ``workspace``, or name and version of its distribution, or ``Python path``.

    Args:
        place: Where it is defined.
        root: Folder of the workspace.

    Raises:
        DataError: There is no such module, or another one takes the place of the workspace's.
    """
    if place.distribution:
        return place.distribution
    path = _existing_file(place)
    if _base(place.module, path) == root:
        return "workspace"
    if (own := _found_below(root, place.module.split("."))) is not None:
        raise DataError(
            _of(place, f"{own} is not what Python finds first, which is {path}; call the package otherwise")
        )
    names = sorted({*packages_distributions().get(place.module.partition(".")[0], ())})
    return ", ".join(f"{name} {version(name)}" for name in names) or "Python path"


def load_class(place: Place) -> type:
    """Run a module, and give the class that it defines.

    Raises:
        DataError: No such module or class, the class is defined elsewhere, or the module cannot be run; the message
            names its file and line.
    """
    path = _existing_file(place)
    _remember(place.module)
    try:
        module = importlib.import_module(place.module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # such as what leaves a program, or a test, early
        raise DataError(_of(place, f"{_where(error, place.module)}{_error_text(error)}")) from error
    return defined_in(module, place.name, _short_path(place.module, path), place)


def _remember(module: str) -> _Loaded:
    """What was read of a module when it was loaded, which is now unless it is there."""
    if module not in sys.modules or module not in _loaded:
        names = {name for one in _files_beside(module) for name in _with_parents(one)}
        _loaded[module] = _Loaded(source_hash(module), (*names,))
    return _loaded[module]


def defined_in(module: object, name: str, file: str, place: Place | None = None) -> type:
    """The class of a module that it defines itself.

    Args:
        module: A module.
        name: Of the class.
        file: The module's, for messages.
        place: What led there.

    Raises:
        DataError: There is none, or it is only imported there.
    """
    found, own = getattr(module, name, None), str(getattr(module, "__name__", ""))
    if not isinstance(found, type):
        raise DataError(_of(place, f"no class {name} in {file}"))
    if found.__module__ != own:
        raise DataError(_of(place, f"{name} is only imported in {file}; it is defined in {found.__module__}"))
    return found


def check_unchanged(place: Place, expected: str) -> None:
    """Make sure that what this process runs is what was planned, perhaps by another one.

    Args:
        place: Where a class is defined.
        expected: ``source_hash`` of then.

    Raises:
        DataError: It was changed meanwhile.
    """
    load_class(place)
    if _loaded[place.module].hash != expected:
        raise DataError(f"{place.module}: its source was changed since the run was planned; start the command again")


def loaded_below(root: Path) -> bool:
    """Whether something that lies in a folder was loaded."""
    return any(path is not None and _base(name, path) == root for name in _loaded for path in [_file(name)])


def _existing_file(place: Place) -> Path:
    path = _file(place.module)
    if path is None:
        expected = f"{place.module.replace('.', '/')}.py in the workspace, or something installed"
        raise DataError(_of(place, f"no module {place.module}; expected {expected}"))
    return path


def _of(place: Place | None, message: str) -> str:
    """A message that names who offers what is wrong."""
    offered = f"{place.distribution}: {place.module}:{place.name}: " if place and place.distribution else ""
    return f"name: {offered}{message}"


def _file(module: str) -> Path | None:
    """The source file of a module; looking for it runs nothing, not even the packages that it lies in."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        path = Path(spec.origin or "")
        return path if not rest and path.suffix == ".py" and path.is_file() else None
    found = (_found_below(Path(folder), rest) for folder in spec.submodule_search_locations)
    return next((path for path in found if path is not None), None)


def _found_below(folder: Path, words: Sequence[str]) -> Path | None:
    """The file of a module below a folder, or of the package that the folder is."""
    place = folder.joinpath(*words)
    candidates = [place / "__init__.py", *([place.with_name(f"{place.name}.py")] if words else [])]
    return next((path for path in candidates if path.is_file()), None)


def _base(module: str, path: Path) -> Path:
    """The folder that the top package of a module lies in."""
    return path.parents[module.count(".") + (path.name == "__init__.py")]


def _files_beside(module: str) -> dict[str, Path]:
    """The files of a module and of what it imports from beside it, by module."""
    path = _file(module)
    if path is None:
        return {}
    base, top = _base(module, path), module.partition(".")[0]
    alone = any(base.glob("*.dist-info"))
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        for name in _with_parents(waiting.pop()):
            first = name.partition(".")[0]
            if name in found or first in _SUITE or (alone and first != top):
                continue
            path = _file(name)
            if path is not None and _base(name, path) == base:
                found[name] = path
                waiting += _imported(name, path)
    return found


def _with_parents(module: str) -> list[str]:
    words = module.split(".")
    return [".".join(words[: count + 1]) for count in range(len(words))]


def _imported(module: str, path: Path) -> list[str]:
    """Names that a file imports, wherever in it, each maybe a module; nothing of what is not Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            try:
                source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            names += [source, *(f"{source}.{alias.name}" for alias in node.names if alias.name != "*")]
    return names


def _where(error: BaseException, module: str) -> str:
    """File and line of an error within a module or what it imports from beside it, ``nets/my_net.py, line 3: ``."""
    files = {str(path): name for name, path in _files_beside(module).items()}
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    own = [(files[file], Path(file), line) for file, line in places if file in files]
    return "".join(f"{_short_path(name, path)}, line {line}: " for name, path, line in own[-1:])


def _short_path(module: str, path: Path) -> str:
    return path.relative_to(_base(module, path)).as_posix()


def _error_text(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(message.split())}"[:300].rstrip(": ")
