"""Batch statistics over all processes of a distributed training, with gradients.

A loss of such statistics is the same number in every process. Its gradient reaches each process's
own rows multiplied by the number of processes, which the averaging of gradients afterwards (DDP)
divides away again: together they are the gradient of one process with the joined batch.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as collective
from torch import Tensor


def num_processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of `x` over the processes; all must hold as many rows. Alone: x itself."""
    number = num_processes()
    return x if number == 1 else collective.all_reduce(x) / number


def same_in_processes(x: Tensor) -> Tensor:
    """What the first process drew, in all of them; no gradient."""
    if num_processes() > 1:
        dist.broadcast(x, src=0)
    return x


def gathered(x: Tensor) -> Tensor:
    """The rows [B, ...] of all processes, [processes * B, ...]; no gradient."""
    if num_processes() == 1:
        return x.detach()
    parts = [torch.empty_like(x) for _ in range(num_processes())]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)
