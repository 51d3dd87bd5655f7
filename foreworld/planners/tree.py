"""Search trees of B states at once, node by node in memory that is laid out beforehand.

    root ── action 2 ──▶ node 1 ── action 0 ──▶ node 3      descend: down to an edge never taken
      └──── action 0 ──▶ node 2                             expand: imagine what lies behind it
                                                            back_up: tell everyone above

Simulation s makes node s + 1 in every row; values are of the player who moves in a node, and the
discount of an edge is negative where that is the other player's: negamax.
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


class Move(NamedTuple):
    """One action in each of R of the B trees."""

    rows: Tensor  # [R] which trees
    nodes: Tensor  # [R]
    actions: Tensor  # [R]


Choose = Callable[[Edges, Tensor, int], Tensor]  # edges of R nodes, their rows, depth -> actions


@dataclass
class Tree:
    """B trees of up to N nodes with A actions each; node 0 is the root."""

    children: Tensor  # [B, N, A] node behind each action, or UNVISITED
    edges: Tensor  # [B, N, 3, A] logits, visits, q
    nodes: Tensor  # [B, N, 5] visits, value, raw value, reward and discount of the edge to it
    states: State  # leaves [B, N, ...]

    @classmethod
    def planted(cls, root: Leaf, state: State, num_nodes: int) -> Tree:
        """Nothing but the roots."""
        size, width = root.logits.shape
        lead, device = (size, num_nodes), root.value.device
        tree = cls(
            torch.full((*lead, width), UNVISITED, device=device),
            torch.zeros(*lead, 3, width, device=device),
            torch.zeros(*lead, 5, device=device),
            map_state(lambda x: x.new_zeros(*lead, *x.shape[1:]), state),
        )
        rows = torch.arange(size, device=device)
        tree.write(rows, torch.zeros_like(rows), root, state)
        return tree

    def look(self, rows: Tensor, nodes: Tensor) -> Edges:
        """The edges of one node in each of some rows, [R] and [R]."""
        visits, value, raw, _, _ = self.nodes[rows, nodes].unsqueeze(-1).unbind(1)
        return Edges(*self.edges[rows, nodes].unbind(1), visits, value, raw)

    def write(self, rows: Tensor, nodes: Tensor, leaf: Leaf, state: State) -> None:
        """What a model says of states [B] becomes a node; where it was one, it starts anew."""
        visits = self.nodes[rows, nodes, 0] + 1
        told = (visits, leaf.value, leaf.value, leaf.reward, leaf.discount)
        self.nodes[rows, nodes] = torch.stack(told, -1)
        self.edges[rows, nodes, 0] = leaf.logits

        def put(kept: Tensor, new: Tensor) -> Tensor:
            kept[rows, nodes] = new
            return kept

        map_state(put, self.states, state)

    def descend(self, choose: Choose, max_depth: int) -> tuple[list[Move], Move]:
        """Down from every root to an edge never taken, or to the last depth.

        Returns the moves by depth, in fewer and fewer rows, and the last one of each row.
        """
        rows = torch.arange(len(self.children), device=self.children.device)
        nodes, path = torch.zeros_like(rows), []
        last = Move(rows, nodes.clone(), nodes.clone())
        while len(rows) and len(path) < max_depth:
            actions = choose(self.look(rows, nodes), rows, len(path))
            path.append(Move(rows, nodes, actions))
            last.nodes[rows], last.actions[rows] = nodes, actions
            behind = self.children[rows, nodes, actions]
            known = behind != UNVISITED
            rows, nodes = rows[known], behind[known]
        return path, last

    def back_up(self, path: list[Move], value: Tensor) -> None:
        """Tell the leaves' values [B] to every node above, each in its own mover's eyes."""
        value = value.clone()
        for rows, nodes, actions in reversed(path):
            child = self.children[rows, nodes, actions]
            _, child_value, _, reward, discount = self.nodes[rows, child].unbind(-1)
            value[rows] = found = reward + discount * value[rows]
            visits, mean = self.nodes[rows, nodes, 0], self.nodes[rows, nodes, 1]
            self.nodes[rows, nodes, 1] = (mean * visits + found) / (visits + 1)
            self.nodes[rows, nodes, 0] = visits + 1
            self.edges[rows, nodes, 1, actions] += 1
            self.edges[rows, nodes, 2, actions] = reward + discount * child_value


def grow(
    tree: Tree,
    evaluate: Callable[[State, Tensor], tuple[Leaf, State]],
    choose: Choose,
    num_simulations: int,
    max_depth: int,
) -> Tree:
    """Add a node a simulation to every tree.

    evaluate: what the model says of actions [B] in states [B]. choose: see `Choose`.
    """
    rows = torch.arange(len(tree.children), device=tree.children.device)
    for simulation in range(num_simulations):
        path, (_, nodes, actions) = tree.descend(choose, max_depth)
        leaf, state = evaluate(map_state(lambda x, at=nodes: x[rows, at], tree.states), actions)
        behind = tree.children[rows, nodes, actions]
        new = torch.where(behind == UNVISITED, simulation + 1, behind)
        tree.write(rows, new, leaf, state)
        tree.children[rows, nodes, actions] = new
        tree.back_up(path, leaf.value)
    return tree
