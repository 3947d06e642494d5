"""Ctrl-C in the middle of training is a KeyboardInterrupt, as everywhere else in Python."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def ctrl_c_raises() -> Generator[None]:
    """Undo what Lightning makes of Ctrl-C: it ends the program with status 1 and leaves further signals ignored.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed within.
    """
    # only the main thread has signals
    alone = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if alone else None
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if alone:
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error
