"""One of two processes with half a batch each, or alone with all of it: losses and a gradient.

python sigreg_process.py FOLDER 0 | 1 | alone
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from foreworld.nn.sigreg import sigreg
from foreworld.nn.spread import covariance, covariance_loss, variance_loss

folder, rank = Path(sys.argv[1]), sys.argv[2]
if rank != "alone":
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=int(rank), world_size=2)
whole = torch.randn(2, 32, 3, generator=torch.Generator().manual_seed(1))
own = whole if rank == "alone" else whole[:, 16 * int(rank) : 16 * int(rank) + 16]
weight = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.4, 0.2], [0.1, 0.0, 2.0]], requires_grad=True)
embed = own @ weight + 0.3
torch.manual_seed(0 if rank in ("0", "alone") else 7)  # the first process draws for all
spread = covariance(embed)
losses = {
    "sigreg": sigreg(embed, 8),
    "variance": variance_loss(spread),
    "covariance": covariance_loss(spread),
}
torch.stack(list(losses.values())).sum().backward()
values = {name: loss.detach() for name, loss in losses.items()}
assert weight.grad is not None
save_file({**values, "gradient": weight.grad}, folder / f"{rank}.safetensors")
