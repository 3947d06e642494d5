"""A clock that jumps, for any Python program that finds this folder on its path; steps of hours, either way."""

import os
import random
import time

_rng = random.Random(int(os.environ.get("CHAOS_CLOCK", "0")))
_seconds, _nanoseconds = time.time, time.time_ns
_ahead = 0


def _jump() -> int:
    global _ahead  # noqa: PLW0603 - a clock is one for its process
    if _rng.random() < 0.2:
        _ahead += _rng.randrange(-86_400, 86_400)
    return _ahead


if "CHAOS_CLOCK" in os.environ:
    time.time = lambda: _seconds() + _jump()
    time.time_ns = lambda: _nanoseconds() + _jump() * 1_000_000_000
