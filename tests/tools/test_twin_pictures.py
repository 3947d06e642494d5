from pathlib import Path

import pytest
from PIL import Image

from tools.twin_pictures import draw_strip


@pytest.mark.parametrize("database", ["casme2", "ckplus", "fer2013"])
def test_a_strip_is_a_small_picture(tmp_path: Path, database: str):
    path = tmp_path / "pictures" / f"{database}.png"
    draw_strip(database, path)
    assert path.stat().st_size < 150_000
    with Image.open(path) as image:
        assert image.width > 2 * image.height
