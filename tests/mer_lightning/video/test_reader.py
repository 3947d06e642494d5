from __future__ import annotations

import contextlib
import io
from pathlib import Path

import cv2
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import skimage.io
from PIL import ExifTags, Image

from mer_lightning.types import DataError
from mer_lightning.video import reader


def test_too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MOST_BYTES", 1000)
    Image.new("RGB", (64, 48)).save(tmp_path / "1.png")
    with pytest.raises(DataError, match="exceeds 1000 bytes"):
        reader.read_images([tmp_path / "1.png"])


def test_natural_order():
    names = ["img10.jpg", "img9.jpg", "img100.jpg", "IMG1.jpg"]
    assert sorted(names, key=reader.natural_key) == ["IMG1.jpg", "img9.jpg", "img10.jpg", "img100.jpg"]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("img46.jpg", 46),
        ("reg_img46.jpg", 46),
        ("006_05562.jpg", 5562),
        ("image17581039.jpg", 17581039),
        ("S005_001_00000011.png", 11),
        ("cover.jpg", None),
    ],
)
def test_frame_number(name, number):
    assert reader.frame_number(name) == number


def test_numbering(tmp_path):
    files = [tmp_path / f"img{number}.jpg" for number in range(1, 8)]
    frames = reader.number_frames([*files, tmp_path / "Thumbs.db"], "clip")
    # a folder that is cut to the clip counts from 1
    assert reader.select_frames(frames, 46, 52, "clip") == files
    assert reader.select_frames(frames, 3, 5, "clip") == files[2:5]
    with pytest.raises(DataError, match=r"clip: frame 46 is missing \(8 of 8 frames of 46..53\); found 1..7"):
        reader.select_frames(frames, 46, 53, "clip")
    with pytest.raises(DataError, match="the folder has no frame"):
        reader.select_frames({}, 1, 2, "clip")
    with pytest.raises(DataError, match=r"frame 1 is already given by a1.jpg"):
        reader.number_frames([tmp_path / "a1.jpg", tmp_path / "b1.jpg"], "clip")
    with pytest.raises(DataError, match=r"clip/cover.jpg: expected a frame number in the name"):
        reader.number_frames([tmp_path / "cover.jpg"], "clip")


def test_frames_of_a_recording():
    assert reader.video_frames(7, 46, 52, "clip") == slice(0, 7)
    assert reader.video_frames(100, 46, 52, "clip") == slice(45, 52)
    with pytest.raises(DataError, match=r"clip: annotated frames 46..52 need 7 frames"):
        reader.video_frames(20, 46, 52, "clip")


def test_what_lies_beside_frames_is_ignored():
    files = [Path(name) for name in ("img1.jpg", "Thumbs.db", ".DS_Store", "desktop.ini", "._img1.jpg", "img2.jpg")]
    assert reader.number_frames(files, "clip") == {1: Path("img1.jpg"), 2: Path("img2.jpg")}


def test_an_empty_frame_is_named(tmp_path):
    (tmp_path / "img1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"img1.jpg: expected a JPEG, PNG, BMP or TIFF image \(it is empty\)"):
        reader.read_image(tmp_path / "img1.jpg")
    with pytest.raises(DataError, match="no such image"):
        reader.read_image(tmp_path / "img2.jpg")


def _saved(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (Image.new("L", (4, 3), 7), "png", [7]),
        (Image.new("L", (4, 3), 7), "bmp", [7]),
        (Image.new("1", (4, 3), 1), "png", [255]),
        (Image.new("LA", (4, 3), (7, 100)), "png", [7]),
        (Image.new("RGB", (4, 3), (1, 2, 3)), "tiff", [1, 2, 3]),
        (Image.new("RGBA", (4, 3), (1, 2, 3, 100)), "png", [1, 2, 3]),
        (Image.new("RGB", (4, 3), (1, 2, 3)).quantize(2), "png", [1, 2, 3]),
        (Image.new("CMYK", (4, 3), (255, 0, 0, 0)), "tiff", [0, 255, 255]),
        (Image.new("CMYK", (4, 3), (255, 0, 0, 0)), "jpg", [0, 255, 255]),
    ],
)
def test_grey_and_colour(tmp_path, image, suffix, expected):
    pixels = reader.read_image(_saved(tmp_path / f"1.{suffix}", image))
    assert pixels.shape == (3, 4, len(expected))
    assert pixels[2, 3].tolist() == expected


def test_the_files_of_a_clip_write_colours_alike(tmp_path):
    grey = _saved(tmp_path / "1.png", Image.new("L", (4, 3), 7))
    black_and_white = _saved(tmp_path / "2.png", Image.new("1", (4, 3), 1))
    colour = _saved(tmp_path / "3.png", Image.new("RGB", (4, 3), (1, 2, 3)))
    palette = _saved(tmp_path / "4.png", Image.new("RGB", (4, 3), (5, 5, 5)).quantize(2))
    opaque = _saved(tmp_path / "5.png", Image.new("RGBA", (4, 3), (5, 5, 5, 255)))
    cmyk = _saved(tmp_path / "6.jpg", Image.new("CMYK", (4, 3)))
    assert reader.read_images([grey, grey])[:, 0, 0].tolist() == [[7], [7]]
    assert reader.read_images([colour, opaque])[:, 0, 0].tolist() == [[1, 2, 3], [5, 5, 5]]
    assert reader.read_images([palette, palette])[:, 0, 0].tolist() == [[5, 5, 5], [5, 5, 5]]
    for frames, says in (
        ([colour, grey], "1.png: expected colour as in 3.png, found grey"),
        ([grey, palette], "4.png: expected grey as in 1.png, found a palette"),
        ([colour, palette], "4.png: expected colour as in 3.png, found a palette"),
        ([grey, black_and_white], "2.png: expected grey as in 1.png, found black and white"),
        ([colour, cmyk], "6.jpg: expected colour as in 3.png, found CMYK"),
    ):
        with pytest.raises(DataError, match=says):
            reader.read_images(frames)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_refused(tmp_path, suffix, channels):
    path = tmp_path / f"1.{suffix}"
    # Pillow would give the high byte of colour without a word
    cv2.imwrite(str(path), np.full((3, 4, channels), 0x1234, np.uint16))
    with pytest.raises(DataError, match="expected an 8-bit grey or colour image, found 16 bits a channel"):
        reader.read_image(path)


def test_sixteen_bits_in_planes_are_refused(tmp_path):
    planes = np.full((3, 4, 5), 0x1234, np.uint16)
    skimage.io.imsave(tmp_path / "1.tiff", planes, photometric="rgb", planarconfig="separate", check_contrast=False)
    with pytest.raises(DataError, match="found 16 bits a channel"):
        reader.read_image(tmp_path / "1.tiff")


def test_floating_point_is_refused(tmp_path):
    Image.new("F", (4, 3)).save(tmp_path / "1.tiff")
    with pytest.raises(DataError, match="expected an 8-bit grey or colour image, found"):
        reader.read_image(tmp_path / "1.tiff")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (1, [[10, 90], [170, 250]]),
        (2, [[90, 10], [250, 170]]),
        (3, [[250, 170], [90, 10]]),
        (4, [[170, 250], [10, 90]]),
        (5, [[10, 170], [90, 250]]),
        (6, [[170, 10], [250, 90]]),
        (7, [[250, 90], [170, 10]]),
        (8, [[90, 250], [10, 170]]),
    ],
)
def test_the_orientation_tag_is_honoured_alike(tmp_path, suffix, orientation, shown):
    stored = np.array([[10, 90], [170, 250]], np.uint8).repeat(8, axis=0).repeat(16, axis=1)
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    Image.fromarray(stored).save(tmp_path / f"1.{suffix}", exif=tags)
    pixels = reader.read_image(tmp_path / f"1.{suffix}")
    height, width = (16, 32) if orientation < 5 else (32, 16)
    assert pixels.shape == (height, width, 1)
    quarters = pixels[height // 4 :: height // 2, width // 4 :: width // 2, 0].astype(int)
    assert np.abs(quarters - shown).max() <= 2


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about the tags
@hypothesis.given(place=st.integers(0, 400), damage=st.binary(min_size=1, max_size=4))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_damage_is_named_or_harmless(tmp_path_factory, kind, place, damage):
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6
    tags[ExifTags.Base.XResolution] = 72.0
    tags[ExifTags.Base.ImageDescription] = "a face"
    file = io.BytesIO()
    Image.effect_noise((16, 12), 50).convert("RGB").save(file, kind, exif=tags)
    data = bytearray(file.getvalue())
    data[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("damage") / f"1.{kind.lower()}"
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        assert reader.read_image(path).dtype == np.uint8
