"""Programs that are started here can be interrupted, however the tests themselves were started."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Under nohup, or behind a shell's ``&``, SIGINT is ignored, and a program hands that on to those it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
