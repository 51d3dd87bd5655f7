"""Search trees of B states at once, node by node in memory that is laid out beforehand.

    root ── action 2 ──▶ node 1 ── action 0 ──▶ node 3      descend: down to an edge never taken
      └──── action 0 ──▶ node 2                             expand: imagine what lies behind it
                                                            back_up: tell everyone above

Simulation s makes node s + 1 in every row; values are of the player who moves in a node, and the
discount of an edge is negative where that is the other player's: negamax. What is tried next in a
node changes only when something comes up through it: it is chosen then, for all nodes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from foreworld.vocab import State, map_state

UNVISITED = -1


class Leaf(NamedTuple):
    """What a model says about B states."""

    logits: Tensor  # [B, A] of the policy
    value: Tensor  # [B]
    reward: Tensor  # [B] that arrived with them
    discount: Tensor  # [B] of their value, seen from the state before


class Edges(NamedTuple):
    """The actions of R nodes."""

    logits: Tensor  # [R, A] of the policy
    visits: Tensor  # [R, A]
    q: Tensor  # [R, A] reward + discount * value behind it; 0 where never visited
    node_visits: Tensor  # [R, 1]
    node_value: Tensor  # [R, 1] mean of everything found from there
    raw_value: Tensor  # [R, 1] as the model said


class Moves(NamedTuple):
    """One step down in each of R of the B trees."""

    rows: Tensor  # [R] which trees
    at: Tensor  # [R] from which nodes


Choose = Callable[[Edges], Tensor]  # edges of R nodes, the B roots first -> actions to try next [R]


@dataclass
class Tree:
    """B trees of up to N nodes with A actions each, one after the other; roots are 0, N, 2 N …"""

    roots: Tensor  # [B]
    children: Tensor  # [B * N, A] node behind each action, or UNVISITED
    edges: Tensor  # [B * N, 3, A] logits, visits, q
    nodes: Tensor  # [B * N, 5] visits, value, raw value, reward and discount of the edge to it
    choice: Tensor  # [B * N] the action to try next
    ahead: Tensor  # [B * N] the node behind that, or UNVISITED
    states: State  # leaves [B * N, ...]

    @classmethod
    def planted(cls, root: Leaf, state: State, num_nodes: int) -> Tree:
        """Nothing but the roots."""
        size, width = root.logits.shape
        total, device = size * num_nodes, root.value.device
        tree = cls(
            torch.arange(0, total, num_nodes, device=device),
            torch.full((total, width), UNVISITED, device=device),
            torch.zeros(total, 3, width, device=device),
            torch.zeros(total, 5, device=device),
            torch.zeros(total, dtype=torch.long, device=device),
            torch.full((total,), UNVISITED, device=device),
            map_state(lambda x: x.new_zeros(total, *x.shape[1:]), state),
        )
        tree.write(tree.roots, root, state)
        return tree

    def look(self, at: Tensor) -> Edges:
        """The edges of nodes [R]."""
        node_visits, value, raw, _, _ = self.nodes[at].unsqueeze(-1).unbind(1)
        logits, visits, q = self.edges[at].unbind(1)
        return Edges(logits, visits, q, node_visits, value, raw)

    def write(self, at: Tensor, leaf: Leaf, state: State) -> None:
        """What a model says of states becomes nodes [B]; what was there starts anew."""
        visits = self.nodes[at, 0] + 1
        told = (visits, leaf.value, leaf.value, leaf.reward, leaf.discount)
        self.nodes[at] = torch.stack(told, -1)
        self.edges[at, 0] = leaf.logits
        map_state(lambda kept, new: kept.index_copy_(0, at, new), self.states, state)

    def choose(self, at: Tensor, choose: Choose) -> None:
        """Note what to try next in nodes [R], the roots first."""
        actions = choose(self.look(at))
        self.choice[at], self.ahead[at] = actions, self.behind(at, actions)

    def descend(self, max_depth: int) -> tuple[list[Moves], Tensor]:
        """Down from every root to an edge never taken, or to the last depth.

        Returns the steps by depth, in fewer and fewer trees, and the last node [B] of each.
        """
        rows, at = torch.arange(len(self.roots), device=self.roots.device), self.roots
        path, last = [Moves(rows, at)], at.clone()
        while len(path) < max_depth:
            ahead = self.ahead[at]
            known = (ahead != UNVISITED).nonzero().squeeze(1)
            if not len(known):
                break
            rows, at = rows[known], ahead[known]
            path.append(Moves(rows, at))
            last[rows] = at
        return path, last

    def behind(self, at: Tensor, actions: Tensor) -> Tensor:
        """The nodes [R] that actions lead to."""
        return self.children.view(-1)[at * self.children.shape[1] + actions]

    def back_up(self, path: list[Moves], value: Tensor) -> None:
        """Tell the leaves' values [B] to every node above, each in its own mover's eyes."""
        at = torch.cat([moves.at for moves in path])
        actions = self.choice[at]
        child = self.behind(at, actions)
        reward, discount = self.nodes[child, 3:].unbind(-1)
        value, found, sizes = value.clone(), [], [len(moves.rows) for moves in path]
        steps = zip(path, reward.split(sizes), discount.split(sizes), strict=True)
        for (rows, _), r, d in reversed(list(steps)):
            found.append(r + d * value[rows])
            value[rows] = found[-1]
        visits, mean = self.nodes[at, :2].unbind(-1)
        mean = (mean * visits + torch.cat(found[::-1])) / (visits + 1)
        self.nodes[at, :2] = torch.stack([visits + 1, mean], -1)
        self.edges[at, 1, actions] += 1
        self.edges[at, 2, actions] = reward + discount * self.nodes[child, 1]


def grow(
    tree: Tree,
    evaluate: Callable[[State, Tensor], tuple[Leaf, State]],
    choose: Choose,
    num_simulations: int,
    max_depth: int,
) -> Tree:
    """Add a node a simulation to every tree.

    evaluate: what the model says of actions [B] in states [B].
    """
    tree.choose(tree.roots, choose)
    for simulation in range(num_simulations):
        path, last = tree.descend(max_depth)
        actions, ahead = tree.choice[last], tree.ahead[last]
        leaf, state = evaluate(map_state(lambda x, at=last: x[at], tree.states), actions)
        new = torch.where(ahead == UNVISITED, tree.roots + simulation + 1, ahead)
        tree.write(new, leaf, state)
        tree.children[last, actions] = new
        tree.back_up(path, leaf.value)
        if simulation + 1 < num_simulations:
            tree.choose(torch.cat([*(moves.at for moves in path), new]), choose)
    return tree
