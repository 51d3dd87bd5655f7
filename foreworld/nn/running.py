"""Running values along a sequence, in operations that every runtime has."""

from __future__ import annotations

import torch
from torch import Tensor


def running_max(x: Tensor) -> Tensor:
    """The largest value so far along the last dimension; `cummax`, which ONNX does not know.

    Each round lets values see twice as far back (Hillis & Steele 1986).
    """
    reach = 1
    while reach < x.shape[-1]:
        x = torch.cat([x[..., :reach], torch.maximum(x[..., reach:], x[..., :-reach])], -1)
        reach *= 2
    return x
