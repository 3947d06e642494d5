"""How a recipe magnifies the motion of a clip, in the clip's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mer_lightning.settings import Settings
from mer_lightning.types import DataError
from mer_lightning.video.magnification import Method, magnify_motion
from mer_lightning.video.temporal import TemporalFilter  # noqa: TC001 - pydantic needs it to read a field

if TYPE_CHECKING:
    from torch import Tensor


class Magnification(Settings):
    """Magnification of a clip before its frames are picked.

    The defaults of the pass band are the coefficients 0.05 and 0.4 of the first-order low-passes that the authors of
    the linear method use for motion, as frequencies. With them less than ``1 + alpha`` is reached: docs/motion.md has
    the gains of every method and filter. See ``mer_lightning.video.magnification.magnify_motion``.

    Attributes:
        alpha: Amplification that is asked for; 10 in paper S2, 20 in S4.
        low: Lower edge of the pass band, in ``unit``.
        high: Upper edge of the pass band, in ``unit``.
        unit: ``frame``, cycles a frame, whatever the camera; or ``hz``, which needs to know the clip's frames per
            second, and both edges.
        temporal: Temporal filter; S4 names ``butterworth`` and past frames only. ``onset`` has no pass band.
        wavelength: Of ``linear``: shortest wavelength that gets all of ``alpha``, pixels; 16 in S4.
        method: ``linear`` as in the papers, or ``phase``.
    """

    alpha: float = Field(gt=0)
    low: float = Field(default=0.00816, gt=0)
    high: float = Field(default=0.0813, gt=0)
    unit: Literal["frame", "hz"] = "frame"
    temporal: TemporalFilter = "iir"
    wavelength: float = Field(default=16.0, gt=0)
    method: Method = "linear"

    @model_validator(mode="after")
    def _check(self) -> Magnification:
        given = [key for key in ("low", "high", "unit") if key in self.model_fields_set]
        if self.temporal == "onset" and given:
            raise ValueError(f"onset has no pass band, so {given[0]} does not apply")
        if self.method == "phase" and "wavelength" in self.model_fields_set:
            raise ValueError("wavelength is for method 'linear', got method 'phase'")
        if self.unit == "hz" and not {"low", "high"} <= self.model_fields_set:
            raise ValueError("unit 'hz' needs low and high")
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        if self.unit == "frame" and self.high >= 0.5:
            raise ValueError(f"high: expected less than 0.5 cycles a frame, got {self.high}")
        return self

    @property
    def needs_fps(self) -> bool:
        """Whether the frames per second of a clip must be known."""
        return self.unit == "hz"

    def check_fps(self, fps: float | None) -> None:
        """Make sure that a clip's frames per second are known and enough, where they are needed.

        Raises:
            DataError: They are not.
        """
        if not self.needs_fps:
            return
        edges = f"magnification from {self.low:g} to {self.high:g} Hz"
        if fps is None:
            raise DataError(f"{edges}: the clip's frames per second are not known; expected them, or unit: frame")
        if self.high >= fps / 2:
            raise DataError(f"{edges}: expected less than half of the clip's {fps:g} frames per second")

    def __call__(self, frames: Tensor, fps: float | None = None) -> Tensor:
        """Magnify one clip; values stay in 0..1.

        Args:
            frames: ``(T, C, H, W)`` in 0..1.
            fps: Its frames per second, which ``hz`` needs.

        Raises:
            DataError: They are needed and not known, or too few for the band.
        """
        self.check_fps(fps)
        low, high = (None, None) if self.temporal == "onset" else (self.low, self.high)
        return magnify_motion(
            frames,
            alpha=self.alpha,
            low=low,
            high=high,
            fps=fps if self.needs_fps and fps is not None else 1.0,
            temporal=self.temporal,
            wavelength=self.wavelength,
            method=self.method,
        ).clamp(0, 1)
