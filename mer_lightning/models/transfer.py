"""What a trained network gives to another one, or a part to its whole: everything but a head, some of it frozen."""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor, nn


@runtime_checkable
class Transferable(Protocol):
    """A model that knows what of it is kept when its classes change.

    Attributes:
        head_name: Dotted name of the last layer, an ``nn.Linear`` with one output per class.
        frozen_in_transfer: Dotted names of the modules that its paper does not fine-tune.
    """

    head_name: str
    frozen_in_transfer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model that can be trained before the whole.

    Attributes:
        network: What is trained: modules of the model with a classifier of their own, ``(B, ...)`` to ``(B, classes)``.
        keeps: Dotted names of those modules in the model.
    """

    network: nn.Module
    keeps: tuple[str, ...]


@runtime_checkable
class Staged(Protocol):
    """A model that has parts which can be trained alone, such as the streams of S0."""

    def parts(self) -> tuple[Part, ...]:
        """The parts in the order of their training, with new classifiers; none where the model is one part itself."""
        ...


def parts_of(model: nn.Module) -> tuple[Part, ...]:
    """Parts of a model that are trained first.

    Raises:
        DataError: The model names none.
    """
    if not isinstance(model, Staged):
        raise DataError(f"stages: {type(model).__name__} names no parts that could be trained first; expected together")
    return model.parts()


def load_body(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Start everything but the head from pre-trained weights; the head stays as the model's constructor drew it.

    So a network of 7 macro-expressions is followed by a new one with as many classes as the protocol has.

    Weights of a 2-D network enter a 3-D one inflated: repeated over time and divided by its length, so that a clip
    that stands still gives what its frame gave (Carreira and Zisserman, CVPR 2017). Where the first layer sees another
    number of channels, it gets the mean over the old ones, scaled so that the sum stays (Wang et al., TSN, ECCV 2016).

    Args:
        model: A ``Transferable``, changed in place.
        state: ``state_dict`` of the same class, other arguments allowed as above; its head is ignored.

    Raises:
        DataError: A weight is missing, left over or of another shape; the message names the first one.
    """
    own = model.state_dict()
    head = f"{_head_name(model)}."
    wanted = [name for name in own if not name.startswith(head)]
    given = {name: value for name, value in state.items() if not name.startswith(head)}
    odd = sorted(set(wanted) ^ given.keys())
    if odd:
        raise DataError(f"pre-trained weights: {odd[0]} is {'missing' if odd[0] in own else 'unknown to the model'}")
    first = next(name for name in wanted if own[name].ndim >= 4)
    fitted = {name: _fit(name, given[name], own[name], channels=name == first) for name in wanted}
    model.load_state_dict(own | fitted)


def freeze(model: nn.Module, names: Iterable[str]) -> None:
    """Keep modules bit for bit as they are, statistics of batch normalisation included, whatever is trained.

    Args:
        model: The model.
        names: Dotted names of its modules; ``model.frozen_in_transfer`` for what its paper freezes.

    Raises:
        DataError: The model has no such module.
    """
    for name in names:
        try:
            module = model.get_submodule(name)
        except AttributeError as error:
            raise DataError(f"cannot freeze '{name}': the model has no such module") from error
        module.requires_grad_(False)
        for part in module.modules():
            part.eval()
            # a task that calls train() on the whole model passes these by; a bound method survives copying
            part.train = MethodType(_stay, part)


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:
    del mode
    return module


def _head_name(model: nn.Module) -> str:
    if not isinstance(model, Transferable):
        raise DataError(f"{type(model).__name__} cannot be transferred: it does not name its head")
    return model.head_name


def _fit(name: str, value: Tensor, like: Tensor, channels: bool) -> Tensor:
    """A pre-trained tensor in the shape of the model's own, inflated where that is possible."""
    fitted = value
    if fitted.ndim == 4 and like.ndim == 5:
        fitted = fitted[:, :, None].expand(-1, -1, like.shape[2], -1, -1) / like.shape[2]
    if channels and fitted.ndim == like.ndim and fitted.shape[1] != like.shape[1]:
        scale = fitted.shape[1] / like.shape[1]
        fitted = fitted.mean(1, keepdim=True).expand(-1, like.shape[1], *fitted.shape[2:]) * scale
    if fitted.shape != like.shape:
        raise DataError(f"pre-trained weights: {name} is {tuple(value.shape)}, the model needs {tuple(like.shape)}")
    return fitted
