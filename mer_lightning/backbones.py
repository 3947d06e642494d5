"""Networks of pictures from timm, drawn or started from a file."""

from __future__ import annotations

import errno
import hashlib
import json
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from torch import Tensor

_CHECKSUM = "checksum"


@contextmanager
def shapes_only() -> Generator[None]:
    """Networks that are built meanwhile have shapes and no values: it takes milliseconds, whatever their size.

    Files of weights are read and held against the shapes.
    """
    with torch.device("meta"), warnings.catch_warnings():
        # that nothing is copied into a network without values, for one
        warnings.simplefilter("ignore")
        yield


def make_backbone(backbone: str, in_channels: int, weights: str | Path | None = None, **settings: Any) -> Any:  # noqa: ANN401
    """A network of timm, drawn or started from a file; nothing is downloaded.

    Args:
        backbone: Name in timm.
        in_channels: Channels of an image.
        weights: File with a ``state_dict``, read without running code from it; the head may be missing, or be there
            although the network has none.
        settings: What ``timm.create_model`` takes; ``num_classes`` 0 leaves the head off.

    Raises:
        DataError: timm does not know the backbone, the file does not fit, or ``drop_rate`` is no probability below 1.
    """
    check_dropout(settings.get("drop_rate", 0.0))
    if not timm.is_model(backbone):
        raise DataError(f"backbone '{backbone}' is unknown to timm {timm.__version__}")
    network: Any = timm.create_model(backbone, pretrained=False, in_chans=in_channels, **settings)
    if weights is not None:
        _start_from(network, Path(weights))
    return network


def check_dropout(probability: float) -> None:
    """Some networks of timm look at it in their first step only.

    Raises:
        DataError: It is no probability below 1.
    """
    if not 0 <= probability < 1:
        raise DataError(f"dropout: expected a probability in [0, 1), got {probability}")


def save_kept(state: Mapping[str, Tensor], path: Path, about: Mapping[str, str]) -> None:
    """Keep the weights of a training of ours as safetensors, with a checksum over them and over whose they are.

    Args:
        state: The weights, by name.
        path: The file.
        about: Whose they are, e.g. the run and the fold.

    Raises:
        OSError: The disk does not take them.
    """
    whole = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    try:
        save_file(whole, path, {**about, _CHECKSUM: _checksum(whole, about)})
    except SafetensorError as error:
        raise OSError(errno.EIO, " ".join(str(error).split()), str(path)) from error


def load_kept(path: Path, about: Mapping[str, str] | None = None) -> dict[str, Tensor]:
    """Weights that were kept after a training of ours, as safetensors, on the CPU.

    Args:
        path: The file.
        about: What they have to be of, by its keys; None takes them of whomever. Files from before there were checksums
            say nothing that could be held against it.

    Raises:
        DataError: The file is not readable, was changed since it was written, is another's, or holds what a training
            leaves that diverged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            said = dict(file.metadata() or {})
            state: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not readable weights ({' '.join(str(error).split())})") from error
    given = said.pop(_CHECKSUM, None)
    if given is not None and given != _checksum(state, said):
        raise DataError(f"{path}: the checksum of its weights does not fit; they were changed since they were written")
    for key, value in (about or {}).items() if given is not None else ():
        if said.get(key) != value:
            raise DataError(f"{path}: weights of {key} {said.get(key)}; expected those of {value}")
    check_finite(state, path)
    return state


def _checksum(state: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(state):
        value = state[name]
        digest.update(f"|{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        # numpy has no bfloat16
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Make sure that weights are numbers: a training that diverged leaves none.

    Raises:
        DataError: A value is not finite; the message names file and weight.
    """
    for name, value in state.items():
        if not value.isfinite().all():
            raise DataError(f"{path}: {name} has values that are not finite")


def _start_from(network: Any, path: Path) -> None:  # noqa: ANN401 - timm adds what nn.Module lacks
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except Exception as error:
        raise DataError(f"{path}: not a file of weights ({type(error).__name__})") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise DataError(f"{path}: expected a state_dict, tensors by name, found {_kind(state)}")
    check_finite(state, path)
    head = {f"{name}.{kind}" for name in _head_names(network) for kind in ("weight", "bias")}
    kept = {name: value for name, value in state.items() if name not in head}
    own = network.state_dict()
    for name in sorted(own.keys() & kept.keys()):
        if kept[name].shape != own[name].shape:
            given, needed = tuple(kept[name].shape), tuple(own[name].shape)
            raise DataError(f"{path}: does not fit: {name} is {given}, the network needs {needed}")
    missing, unexpected = network.load_state_dict(kept, strict=False)
    if unexpected or set(missing) - head:
        raise DataError(f"{path}: does not fit, first at {(sorted(set(missing) - head) or sorted(unexpected))[0]}")


def _kind(state: object) -> str:
    odd = (
        [key for key, value in state.items() if not isinstance(value, torch.Tensor)] if isinstance(state, dict) else []
    )
    return f"{type(state).__name__} with {odd[0]!r}" if odd else type(state).__name__


def _head_names(network: Any) -> list[str]:  # noqa: ANN401 - timm adds what nn.Module lacks
    """Names of the layers that end in classes."""
    named = network.pretrained_cfg["classifier"]
    return [named] if isinstance(named, str) else list(named)
