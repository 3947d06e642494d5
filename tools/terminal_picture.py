"""The picture of the terminal in README.md, by ``python -m tools.terminal_picture``: a command and what it says."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).resolve().parents[1]
PICTURE = PROJECT / "docs" / "pictures" / "terminal.svg"
COMMAND = ("compare", "linear-svm", "ststnet", "--protocol", "megc2019")
COLUMNS = 96
# the dark colours of the boards
_DARK, _LIGHT, _GREEN = (21, 24, 26), (231, 228, 220), (98, 203, 166)
_THEME = TerminalTheme(
    _DARK,
    _LIGHT,
    [_DARK, (255, 148, 130), _GREEN, (207, 201, 101), (143, 171, 240), (229, 143, 196), _GREEN, _LIGHT],
)
# a picture in a page loads nothing, and what it named would be asked of another host
_FORMAT = re.sub(
    r"@font-face {{.*?}}\s*",
    "",
    inspect.signature(Console.export_svg).parameters["code_format"].default,
    flags=re.DOTALL,
)


def draw_terminal(arguments: Sequence[str]) -> str:
    """Run ``mer-bench`` and draw what it prints, as SVG.

    Args:
        arguments: Of the command.

    Raises:
        DataError: The command fails.
    """
    told = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", *arguments],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DataError(f"mer-bench {' '.join(arguments)}: {done.stderr.strip()}")
    console = Console(
        record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor", legacy_windows=False
    )
    console.print(Text.assemble(("$ ", "green"), ("mer-bench " + " ".join(arguments), "bold")))
    console.print(Text.from_ansi(done.stdout))
    return console.export_svg(title="mer-bench", theme=_THEME, code_format=_FORMAT, unique_id="terminal")


def main() -> int:
    """Draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m tools.terminal_picture", description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURE, help="(default: %(default)s)")
    out: Path = parser.parse_args().out
    out.write_text(draw_terminal(COMMAND) + "\n", encoding="utf-8")
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
