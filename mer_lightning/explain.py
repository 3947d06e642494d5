"""Where a network looks: Grad-CAM of images and clips (Selvaraju et al., ICCV 2017), computed by captum."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Heat:
    """How much each place of an input speaks for a class.

    Attributes:
        values: ``(H, W)`` of an image, ``(T, H, W)`` of a clip, in the size of the input; 0 where nothing speaks for
            the class. The unit is that of logits and means nothing by itself.
        layers: Names of the layers whose maps were weighed.
        places: Size of those maps, ``(h, w)`` or ``(t, h, w)``: finer than that nothing is known.
    """

    values: Tensor
    layers: tuple[str, ...]
    places: tuple[int, ...]


def grad_cam(model: nn.Module, inputs: Tensor, target: int, layers: Sequence[str] = ()) -> Heat:
    """Weigh the maps of a layer by the gradient of a class, add them up, keep what speaks for the class.

    A layer that sees the frames of a clip one by one gives a map and weights of its own for each of them.

    Args:
        model: Representation in, logits out; it is put into evaluation mode.
        inputs: One sample, ``(1, C, H, W)`` or ``(1, C, T, H, W)``.
        target: Index of the class.
        layers: Modules by name; the maps of several are added up before negative values are dropped. Empty stands
            for the default of ``choose_layers``.

    Raises:
        DataError: No such layer, or a layer without maps of one size.
    """
    model.eval()
    names = choose_layers(model, inputs, layers)
    modules = dict(model.named_modules())
    maps: list[Tensor] = []
    for name in names:
        seen = inputs.detach().clone().requires_grad_()
        found = LayerGradCam(model, modules[name]).attribute(seen, target, relu_attributions=False)
        assert isinstance(found, Tensor), "the layer gives one tensor"
        maps.append(_of_one_sample(found.detach(), inputs, name))
    if len({found.shape for found in maps}) > 1:
        sizes = ", ".join(" x ".join(map(str, found.shape[2:])) for found in maps)
        raise DataError(f"--layer {' --layer '.join(names)}: maps of one size can be added up, found {sizes}")
    summed = torch.stack(maps).sum(0).relu()
    mode = "trilinear" if summed.ndim == 5 else "bilinear"
    values = LayerAttribution.interpolate(summed, tuple(inputs.shape[2:]), mode)
    return Heat(values[0, 0], names, tuple(summed.shape[2:]))


def choose_layers(model: nn.Module, inputs: Tensor, layers: Sequence[str] = ()) -> tuple[str, ...]:
    """Layers to explain a prediction at: those that are wanted, those of a model's ``explained``, its last convolution.

    That is the last one in the order of the forward pass with several channels and places: a map of one channel is
    attention, one of a single place says nothing about places.

    Args:
        model: A network.
        inputs: One sample.
        layers: Names of modules; checked, and returned as they are.

    Raises:
        DataError: The network has no such layer, the layer gives no map, or there is no convolution.
    """
    modules = dict(model.named_modules())
    if layers:
        shapes = _output_shapes(model, inputs, [name for name in layers if name in modules])
        for name in layers:
            if not name or len(shapes.get(name, ())) not in {4, 5}:
                why = "gives no map of places" if name and name in modules else "the network has no such layer"
                raise DataError(
                    f"--layer {name}: {why}; its convolutions: {', '.join(convolutions(model, inputs)) or 'none'}"
                )
        return tuple(layers)
    named = tuple(name for name in getattr(model, "explained", ()) if name in modules)
    shapes = _output_shapes(model, inputs, named)
    if named and all(math.prod(shape[-2:]) > 1 for shape in shapes.values()):
        return named
    found = convolutions(model, inputs)
    for name, shape in reversed(found.items()):
        if shape[1] > 1 and math.prod(shape[-2:]) > 1:
            return (name,)
    why = "its convolutions have one place or one channel each" if found else "it has none"
    raise DataError(f"{type(model).__name__}: Grad-CAM needs a convolution with maps, and {why}")


def convolutions(model: nn.Module, inputs: Tensor) -> dict[str, tuple[int, ...]]:
    """Shape of what each convolution of a model gives, by name, in the order of the forward pass."""
    return _output_shapes(
        model, inputs, [n for n, module in model.named_modules() if isinstance(module, _CONVOLUTIONS)]
    )


def _output_shapes(model: nn.Module, inputs: Tensor, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    with _hooks(model, names, shapes), torch.no_grad():
        model.eval()(inputs)
    return shapes


@contextmanager
def _hooks(model: nn.Module, names: Iterable[str], shapes: dict[str, tuple[int, ...]]) -> Generator[None]:
    modules = dict(model.named_modules())

    def note(name: str, output: object) -> None:
        shapes.pop(name, None)  # a layer that runs twice stands where it ran last
        if isinstance(output, Tensor):
            shapes[name] = tuple(output.shape)

    handles = [
        modules[name].register_forward_hook(lambda _, __, output, name=name: note(name, output)) for name in names
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _of_one_sample(found: Tensor, inputs: Tensor, name: str) -> Tensor:
    """``(1, 1, h, w)`` or ``(1, 1, t, h, w)``, as the input has no time or has."""
    if found.ndim == 4 and inputs.ndim == 5:
        if len(found) not in {1, inputs.shape[2]}:
            raise DataError(f"--layer {name}: gives {len(found)} maps for a clip of {inputs.shape[2]}")
        return found.transpose(0, 1)[None]
    if len(found) != 1 or found.ndim != inputs.ndim:
        raise DataError(f"--layer {name}: gives maps of another kind than the input")
    return found
