"""A protocol of one's own: other classes of a known database, held out by subject and by a fixed split.

``python examples/own_protocol/run.py [FOLDER]`` runs on invented flow maps in the folder (a temporary one without it).
docs/own-data.md explains the two YAML files beside this one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmark.__main__ import main

HERE = Path(__file__).parent


def bench(home: Path, *words: str) -> None:
    """Run ``mer-bench`` in a workspace, and stop where it does not go well."""
    print(f"\n$ mer-bench {' '.join(words)}")
    if status := main(["--workspace", str(home), *words]):
        raise SystemExit(status)


def run(home: Path) -> None:
    """Train two methods under both protocols, and look at what came out."""
    chosen = ("--method", "majority", "--method", "linear-svm", "--accelerator", "cpu")
    protocols = ("--protocol", str(HERE / "surprise.yaml"), "--protocol", str(HERE / "split.yaml"))
    bench(home, "run", "--suite", "smoke", *protocols, *chosen)
    # from here on the records say what the protocols are, and the files could go
    bench(home, "audit", str(home / "records"))
    for board in ("synthetic-surprise", "synthetic-split"):
        bench(home, "compare", "--records", str(home / "records"), "--protocol", board)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder))
