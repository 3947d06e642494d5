"""What is kept: weights, ours and those of others, and entries of the cache."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tools.faults.damage import FLIP, JUNK
from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _write_weights(folder: Path) -> None:
    import torch

    from mer_lightning.backbones import save_kept

    torch.manual_seed(0)
    state = {"conv.weight": torch.rand(4, 3, 3, 3), "fc.bias": torch.rand(3), "seen": torch.tensor(7)}
    for name in ("mine", "other"):
        save_kept(state, folder / f"{name}.safetensors", {"run": name})


def _read_weights(folder: Path) -> Seen:
    from mer_lightning.backbones import load_kept

    return Seen(
        {name: value.tolist() for name, value in load_kept(folder / "mine.safetensors", {"run": "mine"}).items()}
    )


def _bytes(place: str, name: str, change: Callable[[bytearray], object]) -> Fault:
    def plant(folder: Path) -> None:
        content = bytearray((folder / place).read_bytes())
        change(content)
        (folder / place).write_bytes(content)

    return Fault(name, plant)


def _flip(where: int) -> Callable[[bytearray], object]:
    def change(content: bytearray) -> None:
        content[where] ^= 1

    return change


def _saved(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        from mer_lightning.backbones import load_kept, save_kept

        state: dict[str, Any] = load_kept(folder / "mine.safetensors")
        change(state)
        save_kept(state, folder / "mine.safetensors", {"run": "mine"})

    return plant


def weights() -> Area:
    """Weights that a training of ours left."""
    place = "mine.safetensors"

    def old(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        save_file(load_file(folder / place), folder / place)

    faults = (
        *(_bytes(place, f"a flipped bit {end}", _flip(at)) for end, at in (("at the end", -1), ("of a weight", -60))),
        *(_bytes(place, f"a flipped bit in its head, {at}", _flip(at)) for at in (0, 8, 20, 60, 120)),
        Fault("those of another run", lambda f: shutil.copy(f / "other.safetensors", f / place)),
        Fault("no checksum", old),
        Fault("a weight that is not a number", _saved(lambda s: s["fc.bias"].fill_(float("nan")))),
        Fault("a weight that is infinite", _saved(lambda s: s["fc.bias"].fill_(float("inf")))),
    )
    return Area("kept weights", _write_weights, _read_weights, {"file": place}, faults=faults)


def _write_flow_weights(folder: Path) -> None:
    import torch
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), folder / "raft.pt")


def _read_flow_weights(folder: Path) -> Seen:
    from mer_lightning.motion.raft import load_raft

    load_raft.cache_clear()
    network = load_raft(folder / "raft.pt", "cpu")
    return Seen(float(sum(value.double().abs().sum() for value in network.state_dict().values())))


def flow_weights() -> Area:
    """Weights of RAFT, in a file of others."""

    def saved(make: Callable[[Any], Any]) -> Callable[[Path], object]:
        def plant(folder: Path) -> None:
            import torch

            torch.save(make(torch.load(folder / "raft.pt", weights_only=True)), folder / "raft.pt")

        return plant

    def spoilt(state: Any) -> Any:  # noqa: ANN401 - a state_dict
        next(iter(state.values())).fill_(float("nan"))
        return state

    faults = (
        Fault("a list", saved(lambda state: list(state.values()))),
        Fault("a number", saved(lambda _: 3)),
        Fault("nothing in it", saved(lambda _: {})),
        Fault("a weight less", saved(lambda state: dict(list(state.items())[1:]))),
        Fault("a weight that is not a number", saved(spoilt)),
        Fault("weights by number", saved(_by_number)),
    )
    # a file that others wrote has a checksum of its archive, at which torch does not look
    spared = frozenset({FLIP, "a zero byte", "a byte that is no UTF-8", JUNK, "a byte order mark before it"})
    return Area("weights of RAFT", _write_flow_weights, _read_flow_weights, {"file": "raft.pt"}, spared, faults)


def _by_number(state: Any) -> Any:  # noqa: ANN401 - a state_dict
    return dict(enumerate(state.values()))


_KEYS = tuple(f"{number:02x}" + "a" * 62 for number in range(2))


def _computed(number: int) -> Any:  # noqa: ANN401 - an array
    import numpy as np

    return np.random.default_rng(number).random((3, 8, 8), np.float32)


def _write_cache(folder: Path) -> None:
    from mer_lightning.motion.cache import Cache

    for number, key in enumerate(_KEYS):
        Cache(folder).put(key, _computed(number))


def _read_cache(folder: Path) -> Seen:
    """As a table does: what is not there is computed again."""
    from mer_lightning.motion.cache import Cache

    found = [Cache(folder).get(key) for key in _KEYS]
    return Seen([(_computed(number) if one is None else one).tolist() for number, one in enumerate(found)])


def cache() -> Area:
    """Entries of the cache."""

    def place(number: int) -> str:
        return f"{_KEYS[number][:2]}/{_KEYS[number]}.npy"

    faults = (
        *(_bytes(place(0), f"a flipped bit at {at}", _flip(at)) for at in (0, 10, 70, 200, -33, -1)),
        Fault("that of another key", lambda f: shutil.copy(f / place(1), f / place(0))),
        Fault("two that were exchanged", lambda f: _exchange(f / place(0), f / place(1))),
        Fault("what a killed program left beside it", lambda f: (f / "00" / ".x.part").write_bytes(b"x")),
    )
    return Area("cache entries", _write_cache, _read_cache, {"entry": place(0)}, faults=faults)


def _exchange(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
