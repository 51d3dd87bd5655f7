"""What differs between a CPU and a GPU while training: where batches are, precision, compiling."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from foreworld.vocab import Batch, WorldModel


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copy a batch to where the model is."""
    return {k: v.to(device, non_blocking=True) for k, v in batch.items()}


def precision(device: torch.device, wanted: str) -> AbstractContextManager[Any]:
    """Inside, matrices are multiplied in bfloat16 where that is wanted; auto: on CUDA."""
    if wanted == "float32" or (wanted == "auto" and device.type != "cuda"):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def compile_cells(model: WorldModel, wanted: str) -> None:
    """Compile the family's inner cells in place; whole steps take minutes on a CPU: never tried."""
    if wanted == "on" or (wanted == "auto" and model.device.type == "cuda"):
        for cell in model.cells():
            cell.compile()
