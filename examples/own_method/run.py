"""Train the methods of this folder on invented faces, and make their table: ``python run.py [FOLDER]``.

FOLDER is the workspace, where runs, records and boards go; a new temporary one when absent.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from benchmark.__main__ import main

HERE = Path(__file__).resolve().parent
METHODS = ("halves", "halves-wide", "majority")


def run(folder: Path) -> int:
    """The same as ``mer-bench run --suite smoke --method halves ...`` and ``mer-bench leaderboards`` in a folder."""
    for part in ("methods", "nets"):
        shutil.copytree(HERE / part, folder / part, dirs_exist_ok=True)
    chosen = [word for name in METHODS for word in ("--method", name)]
    place = ["--workspace", str(folder)]
    return main([*place, "run", "--suite", "smoke", "--accelerator", "cpu", *chosen]) or main([*place, "leaderboards"])


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).resolve()))
