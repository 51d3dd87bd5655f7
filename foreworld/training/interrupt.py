"""Ctrl-C that waits for the step in progress, so that what is saved is whole.

with noted_interrupts() as interrupted:
    while not interrupted():
        step()
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # TERM is how a cluster says that time is up


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether somebody wants an end; who asks twice gets it at once.

    Outside the main thread, where Python delivers no signals, the answer is always no.
    """
    asked = False

    def note(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
