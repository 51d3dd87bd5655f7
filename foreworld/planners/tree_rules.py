"""Which action to try next in a node of a search tree: PUCT, and Gumbel's sequential halving.

Schrittwieser et al. 2020 (MuZero, appendix B) and Danihelka et al. 2022 (Policy improvement by
planning with Gumbel), in the form of google-deepmind's `mctx`, whose trees ours have to equal.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foreworld.planners.tree import Edges

LOWEST = torch.finfo(torch.float32).min  # logit of what is not allowed; -inf would make NaN
TINY = torch.finfo(torch.float32).tiny


def masked(logits: Tensor, legal: Tensor) -> Tensor:
    """Logits [B, A] relative to the largest, and the lowest there is where not `legal`."""
    return torch.where(legal, logits - logits.amax(-1, keepdim=True), LOWEST)


def puct(edges: Edges, c_init: float, c_base: float) -> Tensor:
    """P sqrt(N) / (1 + n) * (c_init + log((N + c_base + 1) / c_base)), to be added to Q (eq. 2)."""
    weight = c_init + torch.log((edges.node_visits + c_base + 1) / c_base)
    return edges.node_visits.sqrt() * weight * edges.logits.softmax(-1) / (edges.visits + 1)


def between_siblings(edges: Edges, least: float) -> Tensor:
    """Q on a scale from 0, the least of node and siblings, to 1, the most; unvisited: 0.

    least: no smaller spread is drawn out to 1.
    """
    seen = edges.visits > 0
    known = torch.where(seen, edges.q, edges.node_value)
    low = torch.minimum(edges.node_value, known.amin(-1, keepdim=True))
    high = torch.maximum(edges.node_value, known.amax(-1, keepdim=True))
    return (edges.q - low).masked_fill(~seen, 0.0) / (high - low).clamp(min=least)


def between(edges: Edges, low: float, high: float) -> Tensor:
    """Q on a scale from 0, the least there can be, to 1; unvisited: 0."""
    return ((edges.q - low) / (high - low)).masked_fill(edges.visits == 0, 0.0)


def mixed_value(edges: Edges) -> Tensor:
    """The node's value by the model and by what was found, [R, 1] (Danihelka, appendix D)."""
    prior = edges.logits.softmax(-1).clamp(min=TINY)
    weight = prior.masked_fill(edges.visits == 0, 0.0)
    found = (weight * edges.q).sum(-1, keepdim=True) / weight.sum(-1, keepdim=True).clamp(min=TINY)
    total = edges.visits.sum(-1, keepdim=True)
    return (edges.raw_value + total * found) / (total + 1)


def completed(edges: Edges) -> Tensor:
    """Q of what was visited, the mixed value for the rest [R, A] (eq. 10)."""
    return torch.where(edges.visits > 0, edges.q, mixed_value(edges))


def advantage(edges: Edges, scale: float, visits: float, least: float) -> Tensor:
    """sigma(completed Q) = (visits + max_b n(b)) * scale * Q in [0, 1] (eq. 8, appendix F).

    least: no smaller spread is drawn out to 1.
    """
    q = completed(edges)
    low, high = q.amin(-1, keepdim=True), q.amax(-1, keepdim=True)
    q = (q - low) / (high - low).clamp(min=least)
    return (visits + edges.visits.amax(-1, keepdim=True)) * scale * q


def halving(edges: Edges, gumbel: Tensor, sigma: Tensor, considered: Tensor) -> Tensor:
    """Score [R, A] of root actions: g + logits + sigma among those visited `considered` [R] times.

    What was visited more or less often is out of question: -inf.
    """
    logits = edges.logits - edges.logits.amax(-1, keepdim=True)
    score = (gumbel + logits + sigma).clamp(min=-1e9)  # the only one left is visited, be it so low
    return score.masked_fill(edges.visits != considered.unsqueeze(-1), -torch.inf)


def in_proportion(edges: Edges, sigma: Tensor) -> Tensor:
    """The action whose share of visits falls furthest behind the improved policy (eq. 14)."""
    improved = (edges.logits + sigma).softmax(-1)
    return (improved - edges.visits / (1 + edges.visits.sum(-1, keepdim=True))).argmax(-1)


def best(score: Tensor, legal: Tensor) -> Tensor:
    """argmax [B] of scores [B, A] among what is legal; the first where all are equal."""
    return score.masked_fill(~legal, -torch.inf).argmax(-1)


def halving_schedule(max_considered: int, num_simulations: int) -> Tensor:
    """How often actions have been visited that are considered next, [M + 1, simulations].

    Row m: sequential halving of m actions (Karnin et al. 2013): all get their share of the visits,
    the better half goes on.
    """
    rows = [_halving_of(m, num_simulations) for m in range(max_considered + 1)]
    return torch.tensor(rows).view(max_considered + 1, num_simulations)


def _halving_of(considered: int, num_simulations: int) -> list[int]:
    if considered <= 1:
        return list(range(num_simulations))
    rounds, left = math.ceil(math.log2(considered)), considered
    schedule, visits = [], [0] * considered
    while len(schedule) < num_simulations:
        for _ in range(max(1, num_simulations // (rounds * left))):
            schedule += visits[:left]
            visits[:left] = [count + 1 for count in visits[:left]]
        left = max(2, left // 2)
    return schedule[:num_simulations]
