"""Small worlds that tests share."""

import os
import signal

os.environ.setdefault("WANDB_MODE", "disabled")
if "PYTEST_XDIST_WORKER" in os.environ:
    # as many workers as cores: threads of torch would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from mer_lightning.datamodules import load_table
from mer_lightning.motion import FlowMap
from mer_lightning.protocols import get_protocol
from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite

# the first example pays for imports, and a busy machine for the others: speed is measured by `make perf` alone
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

SUBJECT_NAMES = {"smic": "s{:02d}", "casme2": "sub{:02d}", "samm": "{:03d}"}


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Under nohup, or behind a shell's ``&``, SIGINT is ignored, here and in every program that is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def write_flow_folders(root: Path, scale: float = 1.0) -> Path:
    """Write a synthetic composite in the community layout, blank before the ending included."""
    composite = SyntheticFlowComposite(scale, size=8)
    labels = {"negative": "0", "positive": "1", "surprise": "2"}
    for sample in composite.samples:
        subject = SUBJECT_NAMES[sample.database].format(int(sample.subject[2:]))
        folder = root / subject / "u_test" / labels[sample.emotion]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(composite.read(sample)[0]).save(folder / f"{subject}_{sample.clip} .png")
    return root


@pytest.fixture(scope="session")
def official_folder(tmp_path_factory):
    """The 442 clips of the official list, invented, in the community layout."""
    return write_flow_folders(tmp_path_factory.mktemp("official"))


@pytest.fixture
def small_folder(tmp_path):
    """A few clips in the community layout, free to be damaged."""
    return write_flow_folders(tmp_path / "flow", scale=0.1)


@pytest.fixture(scope="session")
def composite():
    return SyntheticFlowComposite(scale=0.2)


@pytest.fixture(scope="session")
def smic():
    """(protocol, labelled, table) of a small synthetic SMIC."""
    protocol, dataset = get_protocol("smic-3"), SyntheticFlowComposite(scale=0.4)
    labelled = protocol.label(dataset)
    return protocol, labelled, load_table(dataset, labelled, 3, FlowMap())


@pytest.fixture
def rng():
    return np.random.default_rng(0)
