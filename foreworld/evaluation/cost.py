"""What a step costs on this machine: milliseconds of each verb at batch 1, bytes of a session.

The only measurement that reads a clock: its numbers differ every time, and gate nothing alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.metric import Metric, Reading, unavailable
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import believe, held_out_windows
from foreworld.vocab import State, map_state

CALLS, WARM = 60, 5  # timed, after some that are not
FRAME_MS = 1000 / 24  # slower than this is no motion picture
ROOMY = 16e6  # bytes of a session; a thousand of them fill a large machine

_SAYS = "milliseconds of `{}` for one row: median, 5th and 95th percentile"
OBSERVE, IMAGINE, PREDICT = (
    Metric(f"cost.{verb}", _SAYS.format(verb), "ms", 0.0, FRAME_MS, FRAME_MS)
    for verb in ("observe", "imagine", "predict")
)
STATE = Metric("cost.state", "size of a session's state", "bytes", 0.0, ROOMY, ROOMY)
METRICS = (OBSERVE, IMAGINE, PREDICT, STATE)


@torch.no_grad()
def read(subject: Subject) -> list[Reading]:
    """Of one window of a held-out episode."""
    model, context = subject.model, subject.protocol.context
    try:
        windows = held_out_windows(subject.held_out[:1], context, 1, 1)
    except ValueError as error:
        return unavailable(METRICS, str(error))
    seen = {k: v.to(model.device) for k, v in windows.seen.items()}
    state = believe(model, windows.seen)
    row = {k: v[:, -1:] for k, v in seen.items()}
    action = windows.actions[:, 0].to(model.device)
    verbs: dict[Metric, Callable[[], Any]] = {
        OBSERVE: lambda: model.observe(state, row),
        IMAGINE: lambda: model.imagine(state, action),
        PREDICT: lambda: model.predict(state),
    }
    readings = [_time(metric, verb, model.device) for metric, verb in verbs.items()]
    size = float(state_bytes(state))
    return [*readings, Reading(STATE, Interval(size, size, size, 1))]


def _time(metric: Metric, verb: Callable[[], Any], device: torch.device) -> Reading:
    taken = []
    for _ in range(WARM + CALLS):
        start = time.perf_counter()
        verb()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(1000 * (time.perf_counter() - start))
    p5, p50, p95 = (float(x) for x in np.percentile(taken[WARM:], (5, 50, 95)))
    return Reading(metric, Interval(p50, p5, p95, CALLS), details={"p50": p50, "p95": p95})


def state_bytes(state: State) -> int:
    """Of all leaves of one row's state [1, ...]."""
    sizes: list[int] = []

    def count(leaf: Tensor) -> Tensor:
        sizes.append(leaf.numel() * leaf.element_size())
        return leaf

    map_state(count, state)
    return sum(sizes)
