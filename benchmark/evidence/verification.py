"""Hold the networks of published systems against the figures that their papers print; needs no data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from pydantic import Field
from torch.utils.flop_counter import FlopCounterMode

from benchmark.files import load_yaml
from benchmark.places import PAPERS
from benchmark.records.network_sizes import NetworkSize, VerifiedFigure
from mer_lightning.motion import get_representation
from mer_lightning.motion.frames import timed
from mer_lightning.settings import Component, Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from benchmark.methods.recipe import Recipe

_MARKED = re.compile(r"(<!-- verification: (?P<system>\S+) -->\n).*?(<!-- end of verification -->)", re.DOTALL)

Verdict = Literal["pass", "deviation", "not stated", "FAIL"]
Value = int | float | tuple[int, ...] | tuple[str, ...]
Quantity = Literal[
    "parameters",
    "parameters (millions)",
    "operations (billions)",
    "output",
    "features",
    "channels",
    "kernel",
    "modules",
    "frozen",
]


class PaperFigure(Settings):
    """One figure of a paper.

    Attributes:
        quantity: What is counted: trainable ``parameters``; ``operations`` of one sample; the ``output`` shape
            (channels first, without the batch), the length of the input vector (``features``), the input ``channels``
            or the ``kernel`` of one layer; how many ``modules`` of a class or its subclasses there are; what is
            ``frozen`` in transfer.
        of: Dotted name of the layer; for ``modules`` ``<dotted name>: <class>``, the name empty for the network.
        expected: The figure; None where there is nothing to compare with.
        source: Where it stands, e.g. ``Table 4``; ``not stated`` where the paper is silent.
        reason: Why ours differs, or what ours follows where the paper is silent.
    """

    quantity: Quantity
    of: str = ""
    expected: Value | None = None
    source: str
    reason: str = ""


class Variant(Settings):
    """One network of a paper and its figures."""

    name: str
    model: Component
    figures: tuple[PaperFigure, ...]


class System(Settings):
    """One paper.

    Attributes:
        id: The file's own name, s0 to s4.
        title: Heading.
        paper: Where it was published.
        input: Shape of one sample.
        classes: Number of classes that the figures are about.
        biased: Layers whose every output value counts one operation for a bias, see ``measure``.
        shared: Figures of every variant.
        variants: The networks.
    """

    id: str
    title: str
    paper: str
    input: tuple[int, ...]
    classes: int
    biased: tuple[str, ...] = ()
    shared: tuple[PaperFigure, ...] = ()
    variants: tuple[Variant, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One figure beside ours.

    Attributes:
        system: Which paper.
        variant: Which of its networks.
        quantity: What is compared, with the layer.
        ours: What the network gives.
        expected: What it should give; None where nothing says so.
        source: Where that stands.
        verdict: ``pass``; ``deviation`` where ours differs for a stated reason; ``not stated`` where the paper is
            silent and ours agrees with the choice that was written down; else ``FAIL``.
        reason: Why.
    """

    system: str
    variant: str
    quantity: str
    ours: Value
    expected: Value | None
    source: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one network gave on one sample.

    Attributes:
        model: The network, without storage.
        multiply_adds: Of one forward pass, as torch's counter sees them: convolutions and matrix products.
        outputs: Shape that each layer gave, without the batch.
        inputs: Shape that each layer got.
        biases: Values that the biased layers gave.
    """

    model: nn.Module
    multiply_adds: int
    outputs: dict[str, tuple[int, ...]]
    inputs: dict[str, tuple[int, ...]]
    biases: int

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    @property
    def operations(self) -> int:
        """Two per multiply-add, one per value of a biased layer.

        This gives the figures of S2's Table 4 for all three networks. A separable pair counts one bias there; two, or
        none, would print 3.57 or 3.55 instead of 3.56.
        """
        return 2 * self.multiply_adds + self.biases


def systems() -> list[System]:
    """All papers, in order.

    Raises:
        DataError: A file is not what it should be.
    """
    return [load_yaml(path, System, id=path.stem) for path in sorted(PAPERS.glob("*.yaml"))]


def verify_system(system: System) -> list[Check]:
    """Hold every variant against its figures.

    Raises:
        DataError: A figure names a layer that the network does not have.
    """
    checks: list[Check] = []
    for variant in system.variants:
        measured = measure(variant.model, system.input, system.classes, system.biased)
        checks.append(
            Check(
                system.id, variant.name, "multiply-adds", measured.multiply_adds, None, "not stated", "not stated", ""
            )
        )
        checks += [check(system.id, variant.name, figure, measured) for figure in (*system.shared, *variant.figures)]
    return checks


def measure(model: Component, shape: tuple[int, ...], classes: int, biased: tuple[str, ...] = ()) -> Measured:
    """Build a network without storage and pass one sample through it, which costs no arithmetic.

    Args:
        model: The network.
        shape: Of one sample, channels first.
        classes: Number of classes.
        biased: Layers whose every output value counts one operation for a bias.
    """
    outputs: dict[str, tuple[int, ...]] = {}
    inputs: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"):
        built: nn.Module = model.build("mer_lightning.models", classes=classes, in_channels=shape[0]).eval()
        sample = torch.zeros(1, *shape)
    for name, layer in built.named_modules():

        def keep(_: nn.Module, given: tuple[Any, ...], gave: Any, name: str = name) -> None:  # noqa: ANN401
            inputs[name] = tuple(given[0].shape[1:])
            outputs[name] = tuple((gave[0] if isinstance(gave, tuple) else gave).shape[1:])

        layer.register_forward_hook(keep)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        built(sample)
    biases = sum(torch.Size(outputs[name]).numel() for name in biased)
    return Measured(built, counter.get_total_flops() // 2, outputs, inputs, biases)


def size_of(recipe: Recipe, papers: Sequence[System], classes: int = 3) -> NetworkSize | None:
    """Count the network of a recipe on a clip of ten grey frames; None where it has none.

    Args:
        recipe: The method.
        papers: From ``systems``; the first that has the same network, on samples of the same shape, verifies it.
        classes: Of a network that stands in no paper.

    Raises:
        DataError: The representation cannot be computed here, or the network does not take it.
    """
    if recipe.model is None:
        return None
    representation = get_representation(recipe.sees.name, recipe.sees.arguments)
    still = [np.full((10, 64, 64, 3), 128, dtype=np.uint8)]
    shape = tuple(representation(still, [5], **timed(representation, [1000.0])).shape[1:])
    found = [
        (system, variant)
        for system in papers
        for variant in system.variants
        if _complete(variant.model) == _complete(recipe.model) and system.input == shape
    ]
    paper, variant = found[0] if found else (None, None)
    classes = paper.classes if paper else classes
    try:
        measured = measure(recipe.model, shape, classes)
    except RuntimeError as error:
        raise DataError(f"the network does not take samples of {show(shape)}: {error}") from error
    checks = [row for row in verify_system(paper) if row.variant == variant.name] if paper and variant else []
    return NetworkSize(
        method=recipe.name,
        model=recipe.model,
        representation=recipe.sees.model_dump(mode="json"),
        input=shape,
        classes=classes,
        parameters=measured.parameters,
        multiply_adds=measured.multiply_adds,
        paper=paper.id if paper else "",
        variant=variant.name if variant else "",
        figures=tuple(
            VerifiedFigure(
                quantity=row.quantity,
                ours=show(row.ours),
                expected=show(row.expected),
                source=row.source,
                verdict=row.verdict,
                reason=row.reason,
            )
            for row in checks
            if row.expected is not None
        ),
    )


def _complete(model: Component) -> tuple[str, dict[str, Any]]:
    """What a component builds, arguments that it leaves to the class included."""
    given = signature(model.load("mer_lightning.models")).parameters
    usual = {name: parameter.default for name, parameter in given.items() if parameter.default is not Parameter.empty}
    return model.name, usual | model.arguments


def check(system: str, variant: str, figure: PaperFigure, measured: Measured) -> Check:
    """Compare one figure.

    Raises:
        DataError: The figure names a layer that the network does not have.
    """
    try:
        ours = _measured_value(figure, measured)
    except (AttributeError, KeyError) as error:
        where = f"papers/{system}.yaml: {variant}: {figure.quantity} of '{figure.of}'"
        raise DataError(f"{where}: no such layer") from error
    same = figure.expected is None or ours == figure.expected
    silent = figure.source == "not stated"
    verdict: Verdict = "FAIL"
    if same and (silent or not figure.reason):
        verdict = "not stated" if silent else "pass"
    elif not same and not silent and figure.reason:
        verdict = "deviation"
    reason = figure.reason
    if verdict == "FAIL":
        reason = "agrees, but a reason for a difference is given" if same else "differs without a reason"
    name = f"{figure.quantity} of {figure.of.removeprefix(': ')}" if figure.of else figure.quantity
    return Check(system, variant, name, ours, figure.expected, figure.source, verdict, reason)


def _measured_value(figure: PaperFigure, measured: Measured) -> Value:  # noqa: PLR0911 - one case per quantity
    model = measured.model
    match figure.quantity:
        case "parameters":
            return measured.parameters
        case "parameters (millions)":
            return round(measured.parameters / 1e6, 2)
        case "operations (billions)":
            return round(measured.operations / 1e9, 2)
        case "output":
            return measured.outputs[figure.of]
        case "features":
            return measured.inputs[figure.of][-1]
        case "channels":
            return measured.inputs[figure.of][0]
        case "kernel":
            return tuple(getattr(model.get_submodule(figure.of), "kernel_size"))  # noqa: B009 - any convolution
        case "modules":
            place, _, kind = figure.of.rpartition(": ")
            return sum(
                any(base.__name__ == kind for base in type(part).__mro__)
                for part in model.get_submodule(place).modules()
            )
        case "frozen":
            return tuple(getattr(model, "frozen_in_transfer"))  # noqa: B009 - models that can be transferred


def as_text(papers: Sequence[System], checks: Sequence[Check]) -> str:
    """One line per check, below its paper and its network."""
    lines: list[str] = []
    for system in papers:
        lines += [system.title, system.paper]
        for variant in system.variants:
            lines.append(f"  {variant.name}")
            lines += [
                f"    {row.verdict:10}  {row.quantity}: {show(row.ours)}"
                + ("" if row.expected is None else f", expected {show(row.expected)} ({row.source})")
                + (f"; {row.reason}" if row.reason else "")
                for row in checks
                if (row.system, row.variant) == (system.id, variant.name)
            ]
        lines.append("")
    counts = [f"{sum(row.verdict == verdict for row in checks)} {verdict}" for verdict in get_args(Verdict)]
    return "\n".join([*lines, ", ".join(counts)]) + "\n"


def fill_verification(text: str, checks: Sequence[Check]) -> str:
    """Put the current checks of a system between its markers in a document.

    Args:
        text: Document with ``<!-- verification: SYSTEM -->`` and ``<!-- end of verification -->`` lines.
        checks: From ``verify_system``.

    Raises:
        DataError: A marker names a system that was not verified.
    """

    def fill(match: re.Match[str]) -> str:
        rows = [row for row in checks if row.system == match["system"]]
        if not rows:
            raise DataError(f"marker 'verification: {match['system']}': no such system")
        return f"{match[1]}{_markdown(rows)}{match[3]}"

    return _MARKED.sub(fill, text)


def show(value: Value | None) -> str:
    """A value as people write it; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return " x ".join(map(str, value)) if all(isinstance(v, int) for v in value) else ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _markdown(rows: Sequence[Check]) -> str:
    lines = ["| network | figure | ours | expected | source | verdict |", "|---|---|---:|---:|---|---|"]
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        # a figure that an earlier network of the paper meets in the same way is not repeated
        same = (row.quantity, row.ours, row.expected, row.verdict)
        if same in seen:
            continue
        seen.add(same)
        verdict = row.verdict + (f": {row.reason}" if row.reason else "")
        cells = (row.variant, row.quantity, show(row.ours), show(row.expected), row.source, verdict)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
