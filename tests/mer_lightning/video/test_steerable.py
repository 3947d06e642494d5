"""The pyramid beside what is known without it: pictures come back, waves have the phase that was planted."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.video.steerable import steerable_pyramid


def grating(length, angle, shift=0.0, side=96):
    at = torch.arange(side, dtype=torch.float64)
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.cos(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle) - shift) / length)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(2, 6))
def test_pictures_of_any_size_come_back(height, width, per_octave, orientations):
    picture = torch.rand(2, height, width, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.fft2(picture)
    pyramid = steerable_pyramid((height, width), per_octave=per_octave, orientations=orientations)
    total = spectrum * pyramid.residual
    for band, waves in pyramid.split(spectrum):
        band.join(total, waves)
    assert torch.allclose(torch.fft.ifft2(total).real, picture, atol=1e-5)


@pytest.mark.parametrize("per_octave", [1, 2])
def test_bands_hold_all_between_the_finest_and_the_coarsest(per_octave):
    pyramid = steerable_pyramid((128, 128), per_octave=per_octave)
    at = torch.fft.fftfreq(128)
    radius = at[:, None].hypot(at)
    between = (radius >= 0.5 * 2 ** (-1 / per_octave)) & (radius < 0.25)
    between |= (radius <= 0.25) & (radius >= 1 / 32)
    assert pyramid.residual[between].abs().max() < 1e-5
    assert pyramid.residual[0, 0] == 1


@pytest.mark.parametrize("angle", [0.0, math.pi / 3, math.pi / 2])
def test_most_of_a_wave_lies_in_the_band_of_its_length_and_direction(angle):
    orientations = 6
    spectrum = torch.fft.fft2(grating(8.0, angle)[None])
    energies = [
        (waves.abs().square().mean() * waves.shape[-1] ** 2).item()
        for _, waves in steerable_pyramid((96, 96), orientations=orientations).split(spectrum)
    ]
    # two octaves below the shortest wave, so in the second level
    assert energies.index(max(energies)) == orientations + round(angle / math.pi * orientations)


def test_a_shift_far_below_a_pixel_turns_the_phase_by_its_share_of_the_wave():
    length, shift = 8.0, 0.013
    first, second = (torch.fft.fft2(grating(length, 0.0, by)) for by in (0.0, shift))
    band = max(steerable_pyramid((96, 96)).bands, key=lambda band: band.split(first).abs().square().sum().item())
    turned = torch.angle(band.split(second) * band.split(first).conj())
    assert turned.mean() == pytest.approx(-2 * math.pi * shift / length, rel=1e-3)


def test_too_few_directions_are_refused():
    with pytest.raises(ValueError, match=r"2 orientations, got .* 1 and 1"):
        steerable_pyramid((8, 8), orientations=1)
