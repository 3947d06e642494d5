"""A database of one's own: frames on the disk become a table, a suite, a protocol, results.

``python examples/own_database/run.py [FOLDER]`` draws invented clips into the folder (a temporary one without it), and
types what you would type for yours. docs/own-data.md explains each step.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.__main__ import main


def draw_clips(root: Path, people: int = 4) -> None:
    """Write ``<subject>/<label>/<clip>/img1.png`` ...: a blob that moves up in one class, and down in the other."""
    root.mkdir(parents=True)
    # nobody was recorded, so every board says synthetic; leave this out with recordings
    (root / "SYNTHETIC.json").write_text("{}\n")
    y, x = np.mgrid[:64, :64]
    rng = np.random.default_rng(0)
    for person in range(1, people + 1):
        for label, way in (("happiness", -1), ("sadness", 1)):
            for clip in (1, 2):
                folder = root / f"person{person}" / label / f"clip{clip}"
                folder.mkdir(parents=True)
                skin, place = rng.normal(0, 3, (64, 64)), rng.integers(24, 40, 2)
                for time in range(8):
                    blob = np.exp(-((x - place[0]) ** 2 + (y - place[1] - way * time) ** 2) / 60)
                    grey = (110 + 90 * blob + skin).clip(0, 255).astype(np.uint8)
                    Image.fromarray(grey).save(folder / f"img{time + 1}.png")


def bench(home: Path, *words: str) -> None:
    """Run ``mer-bench`` in a workspace, and stop where it does not go well."""
    print(f"\n$ mer-bench {' '.join(words)}")
    if status := main(["--workspace", str(home), *words]):
        raise SystemExit(status)


def run(home: Path) -> None:
    """From frames to a comparison."""
    clips = home / "clips"
    draw_clips(clips)
    bench(home, "data", "index", str(clips))
    # the place to fill in what the tree does not tell: onset, apex and offset, or labels
    bench(home, "data", "verify", str(clips / "clips.csv"))
    bench(home, "new", "database", "mylab", "--data", str(clips))
    bench(home, "run", "--suite", "mylab", "--data", str(clips), "--plan")
    methods = ("--method", "majority", "--method", "linear-svm")
    bench(home, "run", "--suite", "mylab", "--data", str(clips), *methods, "--accelerator", "cpu")
    bench(home, "audit", str(home / "records"))
    bench(home, "compare", "--records", str(home / "records"), "--protocol", "synthetic-mylab")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder))
