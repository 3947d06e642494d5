from dataclasses import replace

import pytest
import torch

from mer_lightning.synthetic.rendering import render_frames
from tests.mer_lightning.synthetic.test_scripts import script


def test_the_same_script_gives_the_same_bytes():
    noisy = script(noise=1.5, flicker=0.01)
    assert torch.equal(render_frames(noisy), render_frames(noisy))
    assert not torch.equal(render_frames(noisy), render_frames(replace(noisy, seed=6)))


@pytest.mark.gpu
def test_an_accelerator_renders_the_same_clip():
    one = script()
    ours, theirs = (render_frames(one, device=device).cpu().int() for device in ("cpu", "cuda"))
    assert (ours - theirs).abs().float().mean() < 0.5
