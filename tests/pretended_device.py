"""A GPU that is not there: tensors that say they are on ``cuda:0``, computed on the CPU and kept apart from its own.

What mixes the two, or hands a tensor of the GPU to NumPy, fails as it would with a GPU. There is no backward pass.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("cuda:0")
WAITS: list[str] = []
"""Operations under the last ``pretended_device`` that wait: numbers go to the device, or come from it."""
_aten = torch.ops.aten
# both devices may be named in one call
_MOVING = {_aten.copy_.default}
# rows may be named by numbers on the CPU
_INDEXING = {
    _aten.index.Tensor,
    _aten._unsafe_index.Tensor,
    _aten.index_put.default,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
}


def _lstm_cell(of_input, of_state, cell, *biases):
    """What torch has for a GPU alone; the third result is for a backward pass."""
    gates = sum((bias for bias in biases if bias is not None), of_input + of_state)
    let_in, keep, new, let_out = gates.chunk(4, 1)
    cell = keep.sigmoid() * cell + let_in.sigmoid() * new.tanh()
    return let_out.sigmoid() * cell.tanh(), cell, gates


_STAND_INS = {_aten._thnn_fused_lstm_cell.default: _lstm_cell}

# the shape or the value of what they give is known to the device alone
_READING = {_aten._local_scalar_dense.default, _aten.nonzero.default, _aten.bincount.default}


class OnDevice(torch.Tensor):
    """A tensor of the device; ``held`` is where its numbers are."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})

    def __repr__(self, **_):
        return f"OnDevice({self.held!r})"

    def tolist(self):
        WAITS.append("tolist")
        return self.held.tolist()

    def numpy(self, **_):
        raise TypeError(f"can't convert {DEVICE} device type tensor to numpy")

    __array__ = numpy


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})


def _compute(func, args, kwargs):
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in given if isinstance(tensor, OnDevice)]
    named = kwargs.get("device")
    if ours and named is None and func not in _MOVING:
        # a number may come from the CPU
        checked = given[:1] if func in _INDEXING else given
        strange = [tuple(tensor.shape) for tensor in checked if tensor.ndim and not isinstance(tensor, OnDevice)]
        if strange:
            raise RuntimeError(f"{func}: expected all tensors on {DEVICE}, those of shape {strange} are on the CPU")
    if _waits(func, kwargs, given, ours):
        WAITS.append(str(func))
    there = bool(ours) if named is None else torch.device(named).type == DEVICE.type
    if named is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    result = _STAND_INS.get(func, func)(*tree_map(_held, args), **tree_map(_held, kwargs))
    # what an operation in place returns is what it was given
    known = {id(tensor.held): tensor for tensor in ours}
    return tree_map(lambda leaf: _wrapped(leaf, known) if there else leaf, result)


def _waits(func, kwargs, given, ours):
    if func is _aten.copy_.default:
        return 0 < len(ours) < len(given)
    if func in _INDEXING and ours:
        return any(not isinstance(index, OnDevice) or index.dtype == torch.bool for index in given[1:])
    if kwargs.get("device") is None:
        return bool(ours) and func in _READING
    to_device = torch.device(kwargs["device"]).type == DEVICE.type
    return bool(given) and to_device != bool(ours) and not (to_device and kwargs.get("non_blocking"))


def _held(leaf):
    return leaf.held if isinstance(leaf, OnDevice) else leaf


def _wrapped(leaf, known):
    return known.get(id(leaf), OnDevice(leaf)) if isinstance(leaf, torch.Tensor) else leaf


def moved(module):
    """A module whose parameters and buffers are on the device; what it keeps beside them is not."""
    for part in module.modules():
        for own in (part._parameters, part._buffers):
            own.update({name: OnDevice(value.detach()) for name, value in own.items() if value is not None})
    return module


@contextmanager
def pretended_device():
    """Let tensors be made on, and moved to, ``cuda:0``."""
    # without a driver every guard of a GPU is an error; FakeTensorMode goes the same way
    torch._C._ensureCUDADeviceGuardSet()
    WAITS.clear()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with (
            nullcontext() if torch.cuda.is_available() else mock.patch.object(torch.cuda, "_lazy_init"),
            torch.backends.cudnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            torch.no_grad(),
            _Dispatch(),
        ):
            yield DEVICE
    finally:
        torch._C._set_only_lift_cpu_tensors(False)
