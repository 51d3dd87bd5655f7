"""SIGReg: how far embeddings are from a standard Gaussian, seen from random sides.

LeJEPA (Balestriero & LeCun 2025, arXiv 2511.08544): project on random unit directions, compare the
empirical characteristic function of each projection with that of N(0, 1) (Epps & Pulley 1983)::

    N * integral over [-3, 3] of |mean_n exp(i t x_n) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt

It is about 1 for Gaussian embeddings whatever N and the width are, and 0.402 N when all are zero:
`collapse_index` puts it on a scale from 0 to 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foreworld.nn.processes import mean_over_processes, num_processes, same_in_processes

KNOTS, REACH = 17, 3.0  # of the integral's right half; the left one is its mirror
COLLAPSED = 0.402  # the statistic of all-zero embeddings, for each row


def sigreg(x: Tensor, slices: int, directions: Tensor | None = None) -> Tensor:
    """The statistic [...] of embeddings [..., N, E], the mean over `slices` random directions.

    N: rows that are compared with a Gaussian together, those of all processes included.
    directions: [E, slices] of length one, instead of random ones (the same in all processes).
    """
    if directions is None:
        directions = random_directions(x.shape[-1], slices, x)
    # One product for both: cosine and sine of projections at every knot, [knots, ..., N, slices].
    t = torch.linspace(0, REACH, KNOTS, device=x.device)
    angles = t.view(-1, *[1] * x.ndim) * (x.float() @ directions)
    real = mean_over_processes(angles.cos().mean(-2))
    imaginary = mean_over_processes(angles.sin().mean(-2))
    gauss = torch.exp(-t.square() / 2).view(-1, *[1] * (x.ndim - 1))
    distance = ((real - gauss).square() + imaginary.square()) * gauss
    half = torch.trapezoid(distance, t, dim=0)
    return 2 * x.shape[-2] * num_processes() * half.mean(-1)


def random_directions(width: int, slices: int, like: Tensor) -> Tensor:
    """[width, slices] of length one, the same in all processes."""
    drawn = torch.randn(width, slices, device=like.device)
    return same_in_processes(drawn / drawn.norm(dim=0))


def collapse_index(statistic: Tensor, rows: int) -> Tensor:
    """A statistic of `rows` embeddings -> 0: Gaussian, 1: all the same."""
    return ((statistic - 1) / (COLLAPSED * rows - 1)).clamp(0, 1)
