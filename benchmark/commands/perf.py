"""``mer-bench perf``: ours beside the reference, measured in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column
from rich.table import Table as Columns

from benchmark.commands.options import open_console
from benchmark.places import DOCS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from benchmark.perf.measurement import Measurement


def add_perf_command(commands: Commands) -> None:
    """Register ``perf``; it sets ``handler``."""
    perf = commands.add_parser("perf", help="measure ours beside the reference")
    perf.add_argument("only", nargs="*", help="files of benchmark/perf to run (default: all)")
    perf.add_argument("--quick", action="store_true", help="fewer rounds")
    perf.add_argument("--record", action="store_true", help="keep the figures in docs/performance.json and .md")
    perf.set_defaults(handler=_perf)


def _perf(arguments: argparse.Namespace) -> int:
    from importlib import import_module
    from pkgutil import iter_modules

    import benchmark.perf
    from benchmark.perf.page import describe, save

    # every file of the folder that measures something has a run()
    modules = [import_module(f"benchmark.perf.{module.name}") for module in iter_modules(benchmark.perf.__path__)]
    figures = [Column(title, no_wrap=True) for title in ("ours", "reference", "ratio")]
    names = [module.__name__.split(".")[-1] for module in modules if hasattr(module, "run")]
    if unknown := [name for name in arguments.only if name not in names]:
        raise DataError(f"perf '{unknown[0]}' is unknown; expected one of {', '.join(names)}")
    table = Columns("measured", *figures, "goal", "against, note")
    console = open_console(wrap=True)
    for module in modules:
        if not hasattr(module, "run") or (arguments.only and module.__name__.split(".")[-1] not in arguments.only):
            continue
        console.print(f"measuring {module.__name__.split('.')[-1]} ...")
        rows: list[Measurement] = module.run(quick=arguments.quick)
        for row in rows:
            ours, reference = (
                "–" if value is None else f"{value:.3g} {row.unit}" for value in (row.ours, row.reference)
            )
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
            table.add_row(row.name, ours, reference, ratio, row.goal, "; ".join(filter(None, (row.against, row.note))))
        if arguments.record:
            name = module.__name__.split(".")[-1]
            save(DOCS, name, describe(name, rows, quick=arguments.quick))
    console.print(table)
    return 0
