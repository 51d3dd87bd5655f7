"""Many small networks of one form at once, the batch they share multiplied by all in one go."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.nn.mlp import mish

EVERYONE = slice(None)


class EnsembleMlp(nn.Module):
    """K perceptrons: Linear, LayerNorm, Mish, repeated `layers` times, then Linear.

    Dropout comes after the first Linear, as in REDQ and TD-MPC2. The last layer is zero at birth.
    """

    def __init__(
        self, members: int, inputs: int, outputs: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * layers, outputs]
        shapes = list(zip(widths[:-1], widths[1:], strict=True))

        def parameters(*sizes: tuple[int, ...]) -> nn.ParameterList:
            return nn.ParameterList(nn.Parameter(torch.zeros(members, *s)) for s in sizes)

        self.weights = parameters(*shapes)
        self.biases = parameters(*((1, b) for _, b in shapes))
        self.gains = parameters(*[(1, hidden)] * layers)
        self.shifts = parameters(*[(1, hidden)] * layers)
        self.members, self.dropout = members, dropout
        for weight in self.weights[:-1]:
            nn.init.trunc_normal_(weight, std=0.02)
        for gain in self.gains:
            nn.init.ones_(gain)

    def forward(self, x: Tensor, chosen: Tensor | slice = EVERYONE, still: bool = False) -> Tensor:
        """x [N, inputs] -> [K, N, outputs].

        chosen: the members to ask. still: no gradient reaches the weights.
        """

        def taken(parameter: Tensor) -> Tensor:
            return (parameter.detach() if still else parameter)[chosen]

        x = x.expand(len(taken(self.biases[0])), *x.shape)
        for i, (gain, shift) in enumerate(zip(self.gains, self.shifts, strict=True)):
            x = torch.baddbmm(taken(self.biases[i]), x, taken(self.weights[i]))
            if i == 0 and self.training and self.dropout:
                x = sparse_dropout(x, self.dropout)
            x = F.layer_norm(x, x.shape[-1:])
            x = mish(torch.addcmul(taken(shift), x, taken(gain)))
        return torch.baddbmm(taken(self.biases[-1]), x, taken(self.weights[-1]))


def sparse_dropout(x: Tensor, share: float) -> Tensor:
    """Dropout for small shares: as many places as are expected, drawn with repetition.

    Asking chance about every number costs as much as a layer.
    """
    keep = torch.full_like(x, 1 / (1 - share))
    places = torch.randint(x.numel(), (round(share * x.numel()),), device=x.device)
    keep.view(-1)[places] = 0.0
    return x * keep
