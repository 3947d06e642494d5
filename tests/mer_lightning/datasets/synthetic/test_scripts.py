from dataclasses import replace

import torch

from mer_lightning.datasets.synthetic.action_units import Channel
from mer_lightning.datasets.synthetic.identity import View
from mer_lightning.datasets.synthetic.scripts import Script, compose, curves, head_motion

VIEW = View.portrait(128, 128)
SMILE = {Channel(12, "L"): 0.05, Channel(12, "R"): 0.04, Channel(6, "L"): 0.03, Channel(6, "R"): 0.03}


def script(**changes: object) -> Script:
    base = compose(3, 5, VIEW, SMILE, frames=9, lead=2, tail=2)
    return replace(base, **{"noise": 0.0, "flicker": 0.0, **changes})


def test_curves_are_nothing_at_the_onset_and_one_at_the_apex_only():
    one = script()
    course = curves(one)
    assert torch.all(course[: one.onset + 1] == 0)
    assert torch.allclose(course[one.apex], torch.ones(4))
    assert course.argmax(0).tolist() == [one.apex] * 4
    assert torch.allclose(course[one.offset], torch.full((4,), one.residue), atol=1e-6)


def test_a_second_showing_is_weaker():
    course = curves(script(frames=30, again=((15, 20, 26),), residue=0.0))
    assert 0.6 < float(course[20].max()) < 0.8
    assert float(course[14].max()) == 0


def test_the_head_is_where_it_was_at_the_onset():
    one = script(drift=0.02)
    assert torch.allclose(head_motion(one)[one.onset], torch.eye(3)[:2], atol=1e-5)
    assert torch.allclose(head_motion(script(drift=0.0))[-1], torch.eye(3)[:2], atol=1e-4)
