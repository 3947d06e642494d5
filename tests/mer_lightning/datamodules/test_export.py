"""Samples as files: what is read back is what a method sees, and nobody else's file is touched."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from safetensors.numpy import load_file

from mer_lightning.datamodules import Export, ExportFolder, load_table, write_export
from mer_lightning.datamodules.export_files import MANIFEST, encode
from mer_lightning.datasets.flow_folders import FlowFolders
from mer_lightning.motion import ApexFrame, FlowMap, get_representation
from mer_lightning.protocols import get_protocol
from mer_lightning.types import NO_CHOICES, DataError, Sample

PROTOCOL = get_protocol("smic-3")
CLASSES = PROTOCOL.scheme.classes
QUICK = {"method": "farneback", "size": [12, 12], "flow_size": [24, 24]}
FLOW = get_representation("onset_apex_flow", QUICK)
MAPS = get_representation("onset_apex_flow", QUICK | {"normalisation": "minmax8"})
"""In the steps of an 8-bit picture, as those of TV-L1 that FlowMap computes."""


class Clips:
    """Frames of noise, six of two people."""

    name, release, kind, synthetic, choices = "clips", "r1", "frames", True, NO_CHOICES
    samples = tuple(
        Sample("smic", who, f"{who}_{what[:2]}_01", what, onset=7, apex=9, offset=11)
        for who in ("s01", "s02")
        for what in CLASSES
    )

    def read(self, sample):
        rng = np.random.default_rng(self.samples.index(sample))
        return rng.integers(0, 255, (5, 32, 24, 3), np.uint8)


def export(dataset=None, representation=None, **options):
    dataset = dataset or Clips()
    return Export(dataset, PROTOCOL.label(dataset), CLASSES, representation, **options)


def write(root, *arguments, **options):
    done = write_export(ExportFolder(root), export(*arguments, **options))
    return done, json.loads((root / MANIFEST).read_text())


def files(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


class TestFlowMapsInTheCommunityLayout:
    def test_are_what_a_method_sees_once_they_are_read_back(self, official_folder, tmp_path):
        maps = FlowFolders(official_folder)
        done, manifest = write(tmp_path / "out", maps, FlowMap(), layout="ststnet", form="png")
        again = FlowFolders(tmp_path / "out")
        one, other = (load_table(data, PROTOCOL.label(data), 3, FlowMap()) for data in (maps, again))
        assert done.planes.error == 0
        assert manifest["pixels"]["lossless"]
        assert (one.keys, one.content_hash) == (other.keys, other.content_hash)
        assert one.inputs.equal(other.inputs)
        assert (again.synthetic, again.release) == (False, "megc2019-442")

    def test_computed_of_frames_are_read_back_without_loss_and_as_synthetic(self, tmp_path):
        _, manifest = write(tmp_path / "out", None, MAPS, layout="ststnet", form="png")
        again = FlowFolders(tmp_path / "out")
        one = load_table(Clips(), PROTOCOL.label(Clips()), 3, MAPS)
        other = load_table(again, PROTOCOL.label(again), 3, FlowMap())
        assert one.inputs.equal(other.inputs)
        assert again.synthetic
        assert manifest["content_hash"] == one.content_hash
        assert manifest["channels"] == ["u", "v", "strain"]

    @pytest.mark.parametrize("train", ["links", "copies"])
    def test_have_everybody_else_in_u_train(self, tmp_path, train):
        root = tmp_path / "out"
        write(root, None, MAPS, layout="ststnet", form="png", train=train)
        assert [path for path in files(root) if path.startswith("s01/")] == [
            "s01/u_test/0/s01_s01_ne_01.png",
            "s01/u_test/1/s01_s01_po_01.png",
            "s01/u_test/2/s01_s01_su_01.png",
            "s01/u_train/0/s02_s02_ne_01.png",
            "s01/u_train/1/s02_s02_po_01.png",
            "s01/u_train/2/s02_s02_su_01.png",
        ]
        there, again = (
            root / f"s0{n}" / half / "0" / "s02_s02_ne_01.png" for n, half in ((2, "u_test"), (1, "u_train"))
        )
        assert there.samefile(again) is (train == "links")
        assert there.read_bytes() == again.read_bytes()


class TestThePlainLayout:
    @pytest.mark.parametrize("form", ["npz", "safetensors"])
    def test_holds_values_as_they_are_and_a_table_of_labels(self, tmp_path, form):
        root = tmp_path / "out"
        write(root, None, FLOW, form=form)
        table = load_table(Clips(), PROTOCOL.label(Clips()), 3, FLOW)
        rows = list(csv.DictReader((root / "labels.csv").open()))
        assert [row["label"] for row in rows] == ["negative", "positive", "surprise"] * 2
        assert rows[0]["path"] == f"smic/s01/s01_ne_01.{form}"
        read = (lambda path: np.load(path)["data"]) if form == "npz" else (lambda path: load_file(path)["data"])
        assert all(
            (read(root / row["path"]) == seen.numpy()).all() for row, seen in zip(rows, table.inputs, strict=True)
        )

    def test_holds_frames_under_their_numbers(self, tmp_path):
        root = tmp_path / "out"
        _, manifest = write(root, form="png")
        folder = root / "smic" / "s01" / "s01_ne_01"
        assert [path.name for path in sorted(folder.iterdir())] == [f"{n:05d}.png" for n in range(7, 12)]
        assert (np.asarray(Image.open(folder / "00007.png")) == Clips().read(Clips.samples[0])[0]).all()
        assert manifest["representation"] == {"name": "frames"}
        assert manifest["samples"][0]["path"] == "smic/s01/s01_ne_01"

    def test_says_how_far_pixels_are_from_values(self, tmp_path):
        _, stretched = write(tmp_path / "a", None, FLOW, form="png")
        assert stretched["pixels"]["scale"] == "each plane from low to high of its sample"
        first = stretched["samples"][0]
        span = max(high - low for low, high in zip(first["low"], first["high"], strict=True))
        assert stretched["pixels"]["largest_error"] > 0
        assert stretched["pixels"]["lossless"] is False
        pixels = np.asarray(Image.open(tmp_path / "a" / first["path"])).astype(np.float32) / 255
        values = load_table(Clips(), PROTOCOL.label(Clips()), 3, FLOW).inputs[0].numpy()
        low, high = (np.array(first[key], np.float32) for key in ("low", "high"))
        assert np.abs(np.moveaxis(pixels * (high - low) + low, -1, 0) - values).max() <= span / 510 * 1.01
        _, plain = write(tmp_path / "b", None, ApexFrame(size=(16, 16)), form="png")
        assert plain["pixels"]["largest_error"] <= 1 / 510 * 1.01


class TestTheFolder:
    def test_goes_on_where_it_was_interrupted(self, tmp_path):
        root = tmp_path / "out"
        done, whole = write(root, None, MAPS, layout="ststnet", form="png")
        assert (done.written, done.kept) == (7, 0)
        (root / "s02" / "u_test" / "1" / "s02_s02_po_01.png").unlink()
        (root / MANIFEST).write_text(json.dumps({**whole, "complete": False, "samples": []}))
        before = (root / "s01" / "u_test" / "0" / "s01_s01_ne_01.png").stat().st_mtime_ns
        done, again = write(root, None, MAPS, layout="ststnet", form="png")
        assert (done.written, done.kept) == (1, 6)
        assert again == whole
        assert (root / "s01" / "u_test" / "0" / "s01_s01_ne_01.png").stat().st_mtime_ns == before

    def test_of_somebody_else_is_left_alone(self, tmp_path):
        (tmp_path / "thesis.txt").write_text("mine")
        with pytest.raises(DataError, match="is not empty and holds no export"):
            write(tmp_path)
        assert files(tmp_path) == ["thesis.txt"]

    def test_of_another_export_is_refused_by_what_differs(self, tmp_path):
        write(tmp_path, form="npz")
        with pytest.raises(DataError, match=r'manifest\.json: format: holds another export \("npz"\)'):
            write(tmp_path, form="png")
        (tmp_path / MANIFEST).write_text('{"name": "package"}')
        with pytest.raises(DataError, match=r"manifest\.json: not the manifest of an export"):
            write(tmp_path, form="npz")

    def test_keeps_a_file_that_somebody_changed(self, tmp_path):
        write(tmp_path, form="npz")
        changed = tmp_path / "smic" / "s01" / "s01_ne_01.npz"
        changed.write_bytes(b"changed")
        with pytest.raises(DataError, match=r"s01_ne_01\.npz: is there and is not what would be written"):
            write(tmp_path, form="npz")
        assert changed.read_bytes() == b"changed"

    def test_is_never_left(self, tmp_path):
        root, outside = tmp_path / "out", tmp_path / "outside"
        outside.mkdir()
        write(root, form="npz")
        for path in (root / "smic" / "s01").iterdir():
            path.unlink()
        (root / "smic" / "s01").rmdir()
        (root / "smic" / "s01").symlink_to(outside)
        with pytest.raises(DataError, match="leads out of the root folder"):
            write(root, form="npz")
        assert files(outside) == []

    def test_of_a_clip_whose_name_leads_elsewhere_is_never_made(self, tmp_path):
        dataset = Clips()
        dataset.samples = (Sample("smic", "s01", "..", "negative", onset=1, offset=5), *Clips.samples[1:])
        with pytest.raises(DataError, match=r"clip '\.\.' is not a plain name"):
            write(tmp_path / "out", dataset, form="npz")
        assert not (tmp_path / "out").exists()


REFUSED = {
    "maps in three planes alone": (
        {"representation": None, "layout": "ststnet", "form": "png"},
        "expected maps as png",
    ),
    "pictures alone": ({"representation": FlowMap(), "layout": "ststnet", "form": "npz"}, "expected maps as png"),
    "the community's half": ({"representation": None, "train": "links"}, "layout plain has none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused_before_anything_is_read(name):
    options, says = REFUSED[name]
    with pytest.raises(DataError, match=says):
        export(**options)


def test_a_sequence_or_features_are_no_map(tmp_path):
    with pytest.raises(DataError, match="not a sequence; choose layout plain"):
        write(tmp_path / "a", None, get_representation("frame_sequence"), layout="ststnet", form="png")
    with pytest.raises(DataError, match="a picture has 1 or 3 channels"):
        write(tmp_path / "b", None, get_representation("lbp_top"), form="png")


def test_maps_have_no_frames(official_folder):
    with pytest.raises(DataError, match="megc2019-flow has flow_maps, no frames"):
        export(FlowFolders(official_folder))


@given(arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 255)))
def test_no_pixel_of_8_bits_is_lost(levels):
    values = levels.astype(np.float32) / np.float32(255)
    encoded = encode(values, "png", (0.0, 1.0), 1)
    assert encoded.planes.error == 0
    assert encode(values, "npz", (0.0, 1.0), 1).files == encode(values, "npz", (0.0, 1.0), 1).files
