"""``python -m tools.perf``: ours beside the reference, measured in one run."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from rich.table import Column
from rich.table import Table as Columns

import tools.perf
from benchmark.commands.output import open_console
from benchmark.places import DOCS
from mer_lightning.types import DataError
from tools.perf.page import describe, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from tools.perf.measurement import Measurement


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and where asked keep the figures.

    Returns:
        0 when all was measured, 2 when the input was not what it should be.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.perf", description="Measure ours beside the reference.")
    parser.add_argument("only", nargs="*", help="files of tools/perf to run (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/performance.json and .md")
    arguments = parser.parse_args(argv)
    try:
        _measure(_chosen(arguments.only), quick=arguments.quick, record=arguments.record)
    except DataError as error:
        print(f"perf: {error}", file=sys.stderr)
        return 2
    return 0


def _chosen(only: Sequence[str]) -> dict[str, ModuleType]:
    """Every file of the folder that measures something has a ``run()``."""
    names = [module.name for module in iter_modules(tools.perf.__path__) if not module.name.startswith("_")]
    modules = {name: import_module(f"tools.perf.{name}") for name in names}
    measuring = {name: module for name, module in modules.items() if hasattr(module, "run")}
    if unknown := [name for name in only if name not in measuring]:
        raise DataError(f"'{unknown[0]}' is unknown; expected one of {', '.join(measuring)}")
    return {name: module for name, module in measuring.items() if not only or name in only}


def _measure(modules: dict[str, ModuleType], *, quick: bool, record: bool) -> None:
    figures = [Column(title, no_wrap=True) for title in ("ours", "reference", "ratio")]
    table = Columns("measured", *figures, "goal", "against, note")
    console = open_console(wrap=True)
    for name, module in modules.items():
        console.print(f"measuring {name} ...")
        rows: list[Measurement] = module.run(quick=quick)
        for row in rows:
            ours, reference = (
                "–" if value is None else f"{value:.3g} {row.unit}" for value in (row.ours, row.reference)
            )
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
            table.add_row(row.name, ours, reference, ratio, row.goal, "; ".join(filter(None, (row.against, row.note))))
        if record:
            save(DOCS, name, describe(name, rows, quick=quick))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
