"""What is given to a device stays there, from frames to batches; a pretended device tells the two apart."""

import numpy as np
import pytest
import torch

from mer_lightning.augmentation import BatchAugmentation
from mer_lightning.datamodules import LOSODataModule, PlannedTable
from mer_lightning.datasets.synthetic.composite import SyntheticComposite
from mer_lightning.devices import device_of, few_numbers
from mer_lightning.faces.alignment import Crop, align
from mer_lightning.motion import REPRESENTATIONS, FlowMap, FlowSequence, OnsetApexFlow, get_representation
from mer_lightning.motion.cache import Cache
from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Augmentation
from mer_lightning.types import DataError
from tests.pretended_device import DEVICE, WAITS, OnDevice, pretended_device
from tests.small_tables import table_of

# torch moves the weights of a network itself, to a device that is there
NETWORKS = {"network_features", "texture_and_apex"}


@pytest.fixture(scope="module")
def video():
    return SyntheticComposite(0.05, size=48, frames=0.1)


def assert_alike(ours, reference):
    """Sums of floats depend on where in memory they lie, and scaling small motion to 0..1 makes more of it."""
    assert ours.shape == reference.shape
    assert (ours - reference).abs().mean() < 0.01 * reference.abs().mean()


def test_a_gpu_is_used_where_there_is_one_and_not_where_it_is_not_wanted(monkeypatch):
    for there, devices in ((True, ("cuda:0", "cuda:0", "cpu")), (False, ("cpu", "cpu", "cpu"))):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert tuple(str(device_of(accelerator)) for accelerator in ("auto", "gpu", "cpu")) == devices


def test_the_pretended_device_is_kept_apart_from_the_cpu():
    with pretended_device() as device:
        there = torch.arange(3.0, device=device)
        assert (there + 1).device == DEVICE
        assert there[torch.tensor([2])].tolist() == [2.0]
        assert (there + torch.tensor(1.0)).cpu().tolist() == [1.0, 2.0, 3.0]
        with pytest.raises(RuntimeError, match=r"expected all tensors on cuda:0, those of shape \[\(3,\)\]"):
            there + torch.ones(3)
        with pytest.raises(TypeError, match="can't convert"):
            np.asarray(there)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, {}) for name in sorted(set(REPRESENTATIONS) - NETWORKS)),
        ("onset_apex_flow", {"magnification": {"alpha": 8.0}}),
        ("apex_frame", {"magnification": {"alpha": 8.0, "temporal": "butterworth"}}),
        ("frame_sequence", {"sampling": "symmetric"}),
        ("lbp_top", {"neighbours": 8}),
    ],
)
def test_a_representation_stays_on_its_device_in_both_steps(name, arguments, video):
    # the thousands of steps of TV-L1 take seconds here: once, in flow_map, is enough
    quick = {"method": "farneback"} if "method" in type(get_representation(name)).model_fields else {}
    representation = get_representation(name, quick | arguments)
    clips = [video.read(video.samples[0])]
    frames = representation.sample(clips, [3])
    with pretended_device() as device:
        sampled = representation.sample(clips, [None], device)
        maps = representation.maps(frames.to(device))
    assert isinstance(sampled, OnDevice)
    assert isinstance(maps, OnDevice)
    assert_alike(maps.held, representation.maps(frames))


def test_faces_are_aligned_on_their_device(video):
    clip = torch.from_numpy(video.read(video.samples[0])).permute(0, 3, 1, 2)[None]
    points = torch.from_numpy(video.points(video.samples[0]))[None]
    with pretended_device() as device:
        faces = align(clip.to(device), points, Crop(32, 32))
    assert isinstance(faces, OnDevice)
    assert_alike(faces.held, align(clip, points, Crop(32, 32)))


def test_samples_are_computed_on_a_device_and_brought_back(video, tmp_path):
    samples = video.samples[:3]
    plain = table_of(video, samples, FlowMap(), cache=Cache(tmp_path))
    with pretended_device() as device:
        first = table_of(video, samples, FlowMap(), cache=Cache(tmp_path), device=device)
        again = table_of(video, samples, FlowMap(), cache=Cache(tmp_path), device=device)
    for readings in (first, again):
        assert not isinstance(readings.inputs, OnDevice)
        assert_alike(readings.inputs, plain.inputs)
    # what one device has rounded is not given to the other
    assert len(list(Cache(tmp_path).entries())) == 2 * len(samples)


def test_a_device_with_little_memory_gets_fewer_clips_at_once(video, monkeypatch):
    compute, most = FlowMap.__call__, 2

    def narrow(self, clips, *more):
        if len(clips) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(self, clips, *more)

    whole = table_of(video, video.samples[:5], FlowMap()).inputs
    monkeypatch.setattr(FlowMap, "__call__", narrow)
    assert_alike(table_of(video, video.samples[:5], FlowMap()).inputs, whole)
    most = 0
    with pytest.raises(DataError, match="the memory of cpu does not take one clip"):
        table_of(video, video.samples[:5], FlowMap())


@pytest.mark.parametrize("holds", ["maps", "frames"])
@pytest.mark.parametrize("options", [{}, {"nine_positions": 2}, {"samples_per_class": 2}])
def test_batches_are_gathered_and_augmented_on_the_device(video, holds, options):
    protocol, representation = get_protocol("smic-3"), FlowSequence(size=(24, 24), frames=3, method="farneback")
    labelled = protocol.label(video)
    table = PlannedTable(video, labelled, 3, representation, holds=holds).get()
    settings = Augmentation(hflip=0.5, shift=0.1, blur=0.5, acts_on=holds)
    with pretended_device() as device:
        data = LOSODataModule(
            table.to(device),
            protocol.folds(labelled)[0],
            batch_size=4,
            augmentation=BatchAugmentation(settings, representation),
            **options,
        )
        training = [data._gather(rows, augmented=True) for rows in data.train_dataloader()]
        batches = [*training, *data.test_batches()]
    for batch in batches:
        assert all(isinstance(part, OnDevice) for part in batch)
        assert batch.inputs.shape[1:] == (3, 2, 24, 24)


@pytest.mark.parametrize(
    "options", [{"hflip": 0.5}, {"vflip": 0.5}, {"shift": 0.1, "degrees": 5.0}, {"blur": 0.5}, {"quarter_turns": True}]
)
def test_augmentation_does_not_wait_for_the_device(options):
    augmentation = BatchAugmentation(Augmentation(**options), OnsetApexFlow())
    inputs = torch.rand(4, 3, 28, 28)
    with pretended_device() as device:
        there = inputs.to(device)
        WAITS.clear()
        augmentation(there)
        assert WAITS == []


def test_a_batch_is_gathered_without_waiting_for_the_device(smic):
    protocol, labelled, table = smic
    with pretended_device() as device:
        data = LOSODataModule(table.to(device), protocol.folds(labelled)[0], batch_size=8, nine_positions=2)
        batches = list(data.train_dataloader())
        WAITS.clear()
        for rows in batches:
            data._gather(rows, augmented=True)
        assert WAITS == []
        few_numbers([1, 2], table.inputs.to(device))
        assert len(WAITS) == 1
        torch.tensor([1, 2], device=device)
        table.labels.to(device)[0].item()
        assert len(WAITS) == 4
