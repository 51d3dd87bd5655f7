"""What to guess without a model: the baselines that every accuracy stands beside.

copy       the last row seen, for ever            velocity  it goes on as in the last step seen
marginal   the average of everything recorded     nearest   what followed the most similar moment
"""

from __future__ import annotations

import torch
from torch import Tensor

from foreworld.evaluation.rulers import Ruler
from foreworld.evaluation.windows import Windows, unit

COARSE = 16  # images are compared at about this size


def guesses(ruler: Ruler, windows: Windows, training: Windows | None) -> dict[str, Tensor]:
    """Futures [M, H, ...] of one head, by the name of the baseline.

    training: windows to look for similar moments in and to average over; None: there are none, and
    the average is over the rows that the model sees too.
    """
    future, last = windows.future(ruler.head), windows.last_seen(ruler.head)
    found = {"copy": last.expand_as(future)}
    if ruler.kind == "vector" and windows.context > 1:
        found["velocity"] = _velocity(ruler, windows)
    source = unit(windows.seen[ruler.head] if training is None else training.batch[ruler.head])
    rows = source.flatten(0, 1)
    average = rows.mode(0).values if ruler.kind == "discrete" else rows.mean(0)
    found["marginal"] = average.expand_as(future)
    if training is not None:
        found["nearest"] = _nearest(ruler, windows, training)
    return found


def _velocity(ruler: Ruler, windows: Windows) -> Tensor:
    seen = unit(windows.seen[ruler.head])
    steps = torch.arange(1, windows.horizon + 1).view(1, -1, *[1] * (seen.ndim - 2))
    return seen[:, -1:] + steps * (seen[:, -1:] - seen[:, -2:-1])


def _nearest(ruler: Ruler, windows: Windows, training: Windows) -> Tensor:
    """The future of the training window whose last rows seen are most like these."""
    ours, theirs = (_moment(ruler, w) for w in (windows, training))
    return training.future(ruler.head)[torch.cdist(ours, theirs).argmin(1)]


def _moment(ruler: Ruler, windows: Windows) -> Tensor:
    """The last two rows seen as numbers [M, D]."""
    rows = unit(windows.seen[ruler.head][:, -2:])
    if ruler.kind == "image":
        stride = max(1, rows.shape[2] // COARSE)
        rows = rows[:, :, ::stride, ::stride]
    return ruler.scaled(rows).flatten(1)
