"""Draw invented clips into the folder ``clips``, as recordings of one's own might lie there."""

from pathlib import Path

import numpy as np
from PIL import Image


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


if __name__ == "__main__":
    draw_clips(Path("clips"))
