"""What magnification is said to gain is what it gains."""

import math

import pytest
import torch

from benchmark.places import DOCS
from tools import magnification_gain as gain


@pytest.mark.parametrize("motion", [0.03, 0.5, 5.5])
@pytest.mark.parametrize("wavelength", [8.0, 64.0])
def test_the_planted_motion_is_read_back_also_past_a_wavelength(wavelength, motion):
    clip = gain.planted(20, "rise and fall", wavelength, motion)
    read = gain.moved(clip, wavelength)
    assert read[gain.apex_of(20, "rise and fall")] == pytest.approx(motion, rel=1e-3)
    assert read[0] == 0


def test_a_grating_is_planted_as_the_formula_says():
    clip = gain.planted(11, "rise", 16.0, 0.5)
    x = torch.arange(gain.SIDE) - gain.SIDE / 2
    assert torch.allclose(clip[-1, 0, 7], 0.5 + 0.2 * torch.cos(2 * math.pi * (x - 0.5) / 16 + 0.7), atol=1e-5)


@pytest.mark.parametrize("course", gain.COURSES)
@pytest.mark.parametrize(("frames", "wavelength", "motion"), [(20, 8.0, 0.5), (35, 64.0, 0.03), (70, 16.0, 0.1)])
def test_the_best_way_is_within_the_goal(frames, course, wavelength, motion):
    found = gain.measure(gain.BEST, frames, course, wavelength, motion).gain
    assert found == pytest.approx(1 + gain.ALPHA, rel=gain.GOAL)


@pytest.mark.parametrize("fps", gain.RATES)
def test_a_wide_band_in_hz_is_within_the_goal_at_both_rates(fps):
    found = gain.measure("phase, butterworth, .05 to 25 Hz", 20, "rise", 16.0, 0.1, fps).gain
    assert found == pytest.approx(1 + gain.ALPHA, rel=gain.GOAL)


def test_the_committed_figures_hold_the_goal_and_are_of_everything():
    kept = gain.read_kept()
    points = len(gain.LENGTHS) * len(gain.COURSES) * len(gain.WAVELENGTHS) * len(gain.MOTIONS)
    assert len(kept) == points * sum(len(gain.RATES) if way.needs_fps else 1 for way in gain.WAYS.values())
    assert gain.misses(kept, gain.BEST) <= gain.GOAL


@pytest.mark.parametrize("way", ["linear, iir", "linear, butterworth", "linear, zero_phase", "phase, iir"])
def test_the_committed_figures_are_measured_again(way):
    (kept,) = [
        one
        for one in gain.read_kept()
        if (one.way, one.frames, one.course, one.wavelength, one.motion) == (way, 20, "rise", 16.0, 0.1)
    ]
    assert gain.measure(way, 20, "rise", 16.0, 0.1).gain == pytest.approx(kept.gain, abs=0.05)


def test_the_page_has_the_table_of_the_committed_figures():
    assert gain.render(gain.read_kept()) in (DOCS / "motion.md").read_text(encoding="utf-8")
