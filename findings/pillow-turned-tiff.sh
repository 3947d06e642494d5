#!/usr/bin/env bash
# Pillow opens an uncompressed grey TIFF with a quarter turn in its orientation tag by its name, and cuts the rows at
# the wrong length; opened as a file, or compressed, or in colour, the same picture is right. Exit 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pillow==13.0.0
cat >show.py <<'PYTHON'
import numpy as np
import PIL
from PIL import ExifTags, Image

stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
turns = {5: stored.T, 6: np.rot90(stored, -1), 7: np.rot90(stored, 2).T, 8: np.rot90(stored)}
print("Pillow", PIL.__version__, "stored", stored.tolist())
for orientation, turned in turns.items():
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    Image.fromarray(stored).save("grey.tiff", exif=tags)
    Image.fromarray(stored).save("packed.tiff", exif=tags, compression="tiff_lzw")
    Image.fromarray(stored).convert("RGB").save("colour.tiff", exif=tags)
    with Image.open("grey.tiff") as image:
        by_name = np.asarray(image)
    with open("grey.tiff", "rb") as file, Image.open(file) as image:
        as_file = np.asarray(image)
    with Image.open("packed.tiff") as image:
        packed = np.asarray(image)
    with Image.open("colour.tiff") as image:
        colour = np.asarray(image)[:, :, 0]
    print(orientation, "by its name", by_name.tolist(), "as a file", as_file.tolist())
    assert np.array_equal(as_file, turned)
    assert np.array_equal(packed, turned)
    assert np.array_equal(colour, turned)
    assert by_name.shape == stored.shape
    assert not np.array_equal(by_name, stored)
PYTHON
venv/bin/python show.py
