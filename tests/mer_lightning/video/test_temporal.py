"""What each filter makes of a step, a rise and a steady wave, by hand and beside scipy."""

import math

import numpy as np
import pytest
from scipy import signal

from mer_lightning.video.temporal import temporal_matrix

BAND = (0.01, 0.1)
CAUSAL = ["iir", "butterworth"]


@pytest.mark.parametrize("temporal", ["iir", "butterworth", "zero_phase"])
def test_what_does_not_change_gives_nothing(temporal):
    assert temporal_matrix(30, *BAND, temporal) @ np.ones(30) == pytest.approx(0, abs=1e-9)


def test_onset_is_the_difference_to_the_first_frame():
    assert (temporal_matrix(4, None, None, "onset") @ [3.0, 5.0, 2.0, 3.0]).tolist() == [0, 2, -1, 0]


@pytest.mark.parametrize("temporal", CAUSAL)
def test_a_causal_filter_answers_no_frame_before_it_comes(temporal):
    assert not np.triu(temporal_matrix(20, *BAND, temporal), 1).any()


@pytest.mark.parametrize("temporal", CAUSAL)
def test_the_first_frame_gives_nothing(temporal):
    assert temporal_matrix(20, *BAND, temporal)[0] == pytest.approx(0, abs=1e-12)


def test_butterworth_passes_its_centre_and_the_root_of_a_half_at_its_edges():
    frames = np.arange(4000)
    matrix = temporal_matrix(4000, *BAND, "butterworth")
    # the bilinear transform warps frequencies, so the centre is that of the warped edges
    low, high = (math.tan(math.pi * edge) for edge in BAND)
    centre = math.atan(math.sqrt(low * high)) / math.pi
    for edge, passed in ((centre, 1.0), (BAND[0], math.sqrt(0.5)), (BAND[1], math.sqrt(0.5))):
        answer = matrix[-1000:] @ np.sin(2 * math.pi * edge * frames)
        assert np.sqrt(2 * np.square(answer).mean()) == pytest.approx(passed, rel=0.02)


def test_butterworth_is_scipys_at_rest_on_the_first_frame():
    clip = np.random.default_rng(0).random(50)
    long = np.concatenate((np.full(5000, clip[0]), clip))
    sections = signal.butter(1, BAND, "bandpass", output="sos", fs=1.0)
    assert temporal_matrix(50, *BAND, "butterworth") @ clip == pytest.approx(signal.sosfilt(sections, long)[5000:])


def test_iir_of_a_step_by_hand():
    fast, slow = (1 - math.exp(-2 * math.pi * edge) for edge in (BAND[1], BAND[0]))
    answer = temporal_matrix(6, *BAND, "iir") @ [0, 1, 1, 1, 1, 1]
    by_hand = [(1 - (1 - fast) ** n) - (1 - (1 - slow) ** n) for n in range(6)]
    assert answer / answer[1] == pytest.approx(np.array(by_hand) / by_hand[1])
