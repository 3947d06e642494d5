"""Measurements as a file and as a page: what was measured, where, with what, and by which command."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from typing import TYPE_CHECKING

from benchmark.files import write_json
from mer_lightning.files import write_text
from mer_lightning.settings import Settings
from tools.perf.measurement import Measurement  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PACKAGES = ("torch", "lightning", "numpy")


class Report(Settings):
    """Measurements of one file of ``tools/perf``, made in one run.

    Attributes:
        command: What prints them again.
        machine: Processor, cores and GPU.
        versions: Of the packages that decide speed.
        load: Programs that wanted a core when it ended, the own one included; well above the cores means that the
            machine was shared and the figures are noisy.
        rows: What was measured.
    """

    command: str
    machine: str
    versions: dict[str, str]
    load: float
    rows: tuple[Measurement, ...]


def describe(name: str, rows: Sequence[Measurement], *, quick: bool) -> Report:
    """Add to measurements where they come from."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return Report(
        command=f"python -m tools.perf {name}{' --quick' if quick else ''}",
        machine=f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {gpu}",
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in _PACKAGES},
        load=round(os.getloadavg()[0], 1),
        rows=tuple(rows),
    )


def save(folder: Path, name: str, report: Report) -> None:
    """Keep a report in ``<folder>/performance.json`` and render ``<folder>/performance.md`` from all of them."""
    path = folder / "performance.json"
    reports = load(path) | {name: report}
    write_json(path, {key: reports[key].model_dump(mode="json") for key in sorted(reports)})
    write_text(folder / "performance.md", render(reports))


def load(path: Path) -> dict[str, Report]:
    """Reports by name; none where nothing was kept."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: Report.model_validate_json(json.dumps(report)) for name, report in found.items()}


def render(reports: dict[str, Report]) -> str:
    """The page: a table per report, and no figure that is not in one."""
    lines = [
        "# Performance",
        "",
        "Rendered from `performance.json` by `python -m tools.perf --record`. Ours and the reference ran in turns",
        "in one run; the ratio is ours divided by the reference. `naive_loop` is the plain loop of the field's public",
        "code in our words: a DataLoader over a TensorDataset, fold by fold, the held-out subject evaluated after each",
        "epoch. Load is how many programs wanted a core: above the cores the machine was shared with others. `growth`",
        "counts seconds of the processor, of one thread, start included, beside an older build of the project itself.",
    ]
    for name, report in sorted(reports.items()):
        versions = ", ".join(f"{package} {version}" for package, version in report.versions.items())
        lines += [
            "",
            f"## {name}",
            "",
            f"`{report.command}` on {report.machine}; {versions}; load {report.load:g}.",
            "",
            "| measured | ours | reference | ratio | goal | against, note |",
            "|---|---|---|---|---|---|",
        ]
        for row in report.rows:
            ours, reference = (
                "–" if value is None else f"{value:.3g} {row.unit}" for value in (row.ours, row.reference)
            )
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
            about = "; ".join(filter(None, (row.against, row.note)))
            lines.append(f"| {row.name} | {ours} | {reference} | {ratio} | {row.goal} | {about} |")
    return "\n".join(lines) + "\n"
