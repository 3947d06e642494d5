"""What ``mer-bench plan`` says beforehand, held against what ``mer-bench run`` then takes: run by hand, not in CI.

``python -m tools.plan_accuracy SUITE METHOD...`` runs each method in one process and in folders of its own, which are
gone afterwards, and prints a row for each; the machine is measured anew for each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LARGEST = 0.3
"""How far an estimate may be off, as a share of what a run took."""


def main() -> int:
    """Compare, and give 1 where an estimate is further off than it may be."""
    parser = argparse.ArgumentParser(description="Hold plans against runs.")
    parser.add_argument("suite")
    parser.add_argument("methods", nargs="+", metavar="METHOD")
    arguments = parser.parse_args()
    print("| method | planned, s | taken, s | planned / taken |\n|---|--:|--:|--:|", flush=True)
    worst = 0.0
    for method in arguments.methods:
        with tempfile.TemporaryDirectory(prefix="mer-plan-") as folder:
            planned, taken = _compare(arguments.suite, method, Path(folder))
        worst = max(worst, abs(planned / taken - 1))
        print(f"| {method} | {planned:.0f} | {taken:.0f} | {planned / taken:.2f} |", flush=True)
    return int(worst > LARGEST)


def _compare(suite: str, method: str, folder: Path) -> tuple[float, float]:
    """Seconds that were planned and that were taken."""
    places = ["--runs", str(folder / "runs"), "--records", str(folder / "records")]
    words = ["--suite", suite, "--method", method, "--executor", "local", "--accelerator", "cpu", *places]
    said = _bench("plan", *words, "--json")
    began = time.monotonic()
    _bench("run", *words, "--json")
    return 3600 * float(json.loads(said)["hours"]), time.monotonic() - began


def _bench(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "benchmark", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mer-bench {' '.join(words)}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
