"""Who a synthetic subject is, and where the face lies in the picture.

Everything is written in face coordinates: the origin lies midway between the eyes, x points to the right of
the picture, y points down, and one unit is the distance between the pupils (about 63 mm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Mean adult proportions over the pupil distance of 63 mm: bizygomatic width 135 mm, eyes to chin 115 mm, eyes
# to nose base 50 mm, eyes to lip line 71 mm, mouth width 52 mm, nose width 35 mm, eye opening 31 x 11 mm (L.
# G. Farkas, Anthropometry of the Head and Face, 2nd ed., 1994, rounded).


@dataclass(frozen=True, slots=True)
class View:
    """Where the face lies in the picture.

    Attributes:
        height: Height of the picture, pixels.
        width: Width of the picture, pixels.
        scale: Distance between the pupils, pixels.
        x: Column of the point midway between the pupils, pixels.
        y: Row of that point, pixels.
    """

    height: int
    width: int
    scale: float
    x: float
    y: float

    @classmethod
    def portrait(cls, height: int, width: int) -> View:
        """Show the whole head, as a camera in a laboratory does."""
        scale = min(height / 4.25, width / 3.2)
        return cls(height, width, scale, (width - 1) / 2, 0.47 * height)

    @classmethod
    def crop(cls, height: int, width: int) -> View:
        """Show the face from the hairline to the chin, as the crops of the databases do."""
        scale = min(height / 3.3, width / 2.45)
        return cls(height, width, scale, (width - 1) / 2, 0.40 * height)

    def grid(self, oversample: int = 1, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Give the face coordinates of pixel centres.

        Args:
            oversample: Samples per pixel and axis.
            device: Where the tensors live.

        Returns:
            Abscissae ``(1, W * oversample)`` and ordinates ``(H * oversample, 1)``, pupil distances.
        """
        step = torch.arange(self.width * oversample, device=device, dtype=torch.float32)
        x = ((step + 0.5) / oversample - 0.5 - self.x) / self.scale
        step = torch.arange(self.height * oversample, device=device, dtype=torch.float32)
        y = ((step + 0.5) / oversample - 0.5 - self.y) / self.scale
        return x[None, :], y[:, None]

    def pixels(self, points: Tensor) -> Tensor:
        """Turn face coordinates ``(..., 2)`` into pixel coordinates."""
        return points * self.scale + points.new_tensor((self.x, self.y))


@dataclass(frozen=True, slots=True)
class Identity:
    """One synthetic person: shape in pupil distances, colours, and how it moves.

    Attributes:
        seed: Seed of everything that is drawn at random for this person.
        head: Half width of the head at the eyes.
        chin: Ordinate of the chin.
        crown: Ordinate of the top of the skull, negative.
        jaw: Exponent of the lower face, about 1.9 (pointed) to 2.7 (square).
        eye: Half width, upper and lower opening of the eyes.
        canthus: Slope of the line from the inner to the outer corner, positive when the outer corner is
            higher.
        brow: Ordinate of the inner end, of the peak and of the tail, and thickness.
        nose: Half width at the wings, ordinate of the base, height of the bridge.
        mouth: Half width, ordinate of the lip line, thickness of the upper and of the lower lip.
        tone: Skin from 0 (very light) to 1 (very dark).
        hair: Colour from 0 (black) to 1 (blond).
        iris: Colour from 0 (dark brown) to 1 (blue).
        hairline: Ordinate of the middle of the hairline.
        long_hair: Whether the hair falls to the shoulders.
        beard: Density of stubble, 0 to 1.
        age: Depth of folds, 0 to 1.
        freckles: Number of spots.
        light: Direction of the lamp, x, y, z; z points to the camera.
        backdrop: Linear grey of the wall.
        cloth: Linear colour of the shirt.
        expressivity: Factor on every action unit of this person.
        balance: Strength of the person's left side over the right, about -0.3 to 0.3.
    """

    seed: int
    head: float
    chin: float
    crown: float
    jaw: float
    eye: tuple[float, float, float]
    canthus: float
    brow: tuple[float, float, float, float]
    nose: tuple[float, float, float]
    mouth: tuple[float, float, float, float]
    tone: float
    hair: float
    iris: float
    hairline: float
    long_hair: bool
    beard: float
    age: float
    freckles: int
    light: tuple[float, float, float]
    backdrop: float
    cloth: tuple[float, float, float]
    expressivity: float
    balance: float

    @classmethod
    def sample(cls, seed: int) -> Identity:
        """Draw a person; the same seed gives the same person on every machine."""
        draw = np.random.default_rng([seed, 0x0FACE])

        def near(mean: float, spread: float) -> float:
            return float(mean + spread * np.clip(draw.standard_normal(), -2, 2))

        feminine = bool(draw.random() < 0.5)
        brow = near(-0.345, 0.02)
        angle = draw.uniform(-1.1, 1.1)
        return cls(
            seed=seed,
            head=near(1.08, 0.035),
            chin=near(1.76 if feminine else 1.84, 0.05),
            crown=near(-1.72, 0.05),
            jaw=near(2.1 if feminine else 2.35, 0.12),
            eye=(near(0.245, 0.01), near(0.105, 0.010), near(0.060, 0.006)),
            canthus=near(0.06, 0.035),
            brow=(
                brow,
                brow - near(0.095, 0.02),
                brow - near(0.02, 0.02),
                near(0.050 if feminine else 0.062, 0.007),
            ),
            nose=(near(0.265, 0.018), near(0.78, 0.025), near(1.0, 0.12)),
            mouth=(near(0.41, 0.022), near(1.13, 0.02), near(0.105, 0.014), near(0.140, 0.016)),
            tone=float(np.clip(draw.beta(1.3, 2.2), 0, 1)),
            hair=float(draw.beta(0.7, 2.6)),
            iris=float(draw.beta(0.8, 2.0)),
            hairline=near(-1.12, 0.06),
            long_hair=feminine and bool(draw.random() < 0.75),
            beard=0.0 if feminine else float(draw.uniform(0, 0.8)),
            age=float(draw.uniform(0.1, 0.9)),
            freckles=int(draw.integers(4, 40)),
            light=(math.sin(angle) * 0.75, float(draw.uniform(-0.75, -0.35)), math.cos(angle) * 0.75 + 0.35),
            backdrop=float(draw.uniform(0.22, 0.6)),
            cloth=(
                float(draw.uniform(0.02, 0.4)),
                float(draw.uniform(0.02, 0.4)),
                float(draw.uniform(0.02, 0.4)),
            ),
            expressivity=float(np.exp(0.28 * np.clip(draw.standard_normal(), -2, 2))),
            balance=near(0.0, 0.12),
        )

    def landmarks(self) -> Tensor:
        """Give the 68 points of the iBUG order at rest.

        Returns:
            ``(68, 2)`` float32, face coordinates; point 0 is at the ear on the left of the picture.
        """
        points: list[tuple[float, float]] = []
        for turn in np.linspace(-math.pi / 2, math.pi / 2, 17):
            # the outline is |x / head|^n + |y / chin|^n = 1
            x, y = math.sin(turn), math.cos(turn)
            points.append(
                (
                    self.head * math.copysign(abs(x) ** (2 / self.jaw), x),
                    self.chin * max(y, 0.0) ** (2 / self.jaw),
                )
            )
        inner, peak, tail, _ = self.brow
        arch = np.array([(0.90, tail), (0.74, peak + 0.015), (0.56, peak + 0.012), (0.37, peak + 0.05), (0.20, inner)])
        points += [(-x, y) for x, y in arch] + [(x, y) for x, y in arch[::-1]]
        wing, base, _ = self.nose
        points += [(0.0, y) for y in np.linspace(-0.02, base - 0.13, 4)]
        points += [(wing * k, base - 0.035 * abs(k)) for k in (-0.62, -0.32, 0.0, 0.32, 0.62)]
        half, upper, lower = self.eye
        for side in (-1, 1):
            ring = [(-half, 0.0), (-half * 0.4, -upper * 0.93), (half * 0.4, -upper * 0.93), (half, 0.0)]
            ring += [(half * 0.4, lower * 0.9), (-half * 0.4, lower * 0.9)]
            # x is counted away from the nose on either side, so that a tilt lifts both outer corners
            points += [(side * 0.5 + x, y - self.canthus * side * x) for x, y in ring]
        wide, line, above, below = self.mouth
        outer = [(-1, 0.01), (-0.6, -0.72), (-0.22, -1), (0, -0.86), (0.22, -1), (0.6, -0.72), (1, 0.01)]
        outer += [(0.6, 0.8), (0.25, 1), (0, 1.02), (-0.25, 1), (-0.6, 0.8)]
        points += [(wide * x, line + y * (above if y < 0 else below)) for x, y in outer]
        slit = [
            (-0.88, 0.005),
            (-0.3, -0.006),
            (0, -0.003),
            (0.3, -0.006),
            (0.88, 0.005),
            (0.3, 0.012),
            (0, 0.014),
        ]
        points += [(wide * x, line + y) for x, y in [*slit, (-0.3, 0.012)]]
        return torch.tensor(points, dtype=torch.float32)
