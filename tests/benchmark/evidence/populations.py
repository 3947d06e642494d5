"""Invented confusion matrices per subject."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SIZES = np.array([1] * 8 + [2] * 9 + [3] * 9 + [4] * 10 + [5] * 6 + [6] * 6 + [8] * 5 + [9] * 4 + [11] * 4)
SIZES = np.append(SIZES, [13, 19, 19, 20, 22, 31, 39])  # about the composite's folds

stacks = arrays(np.int64, st.tuples(st.integers(2, 8), st.just(3), st.just(3)), elements=st.integers(0, 9))


def population(subjects, rng):
    """Matrices of subjects who differ in size, in what they show and in how well they are recognised."""
    mix = rng.dirichlet([1.7, 0.75, 0.55], subjects)
    shown = rng.multinomial(rng.choice(SIZES, subjects), mix)
    base = np.array([[0.8, 0.12, 0.08], [0.3, 0.6, 0.1], [0.25, 0.1, 0.65]])
    rates = np.stack([rng.dirichlet(row * 6, subjects) for row in base], axis=1)
    return rng.multinomial(shown, rates)
