"""Opponents on a board: at random, by looking at everything, by playing on at random.

player = PLAYERS["mcts"](rules, rollouts=500)
action = player(board, rng)              board [H, W, 2]: own stones, the other's
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from foreworld.worlds.board_rules import Rules

CURIOSITY = math.sqrt(2)  # of UCT (Kocsis & Szepesvari 2006), for results in [0, 1]
Player = Callable[[np.ndarray, Random], int]


@dataclass(frozen=True)
class RandomPlayer:
    """Any legal move."""

    rules: Rules
    rollouts: int = 0  # none are played

    def __call__(self, board: np.ndarray, rng: Random) -> int:
        mine, theirs = self.rules.read(board)
        return rng.choice(self.rules.legal(mine | theirs))


@dataclass(frozen=True)
class PerfectPlayer:
    """Any of the best moves, by the whole game tree: for games as small as tic-tac-toe."""

    rules: Rules
    rollouts: int = 0
    known: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)

    def __call__(self, board: np.ndarray, rng: Random) -> int:
        mine, theirs = self.rules.read(board)
        worth = {a: self.worth(mine, theirs, a) for a in self.rules.legal(mine | theirs)}
        return rng.choice([a for a, value in worth.items() if value == max(worth.values())])

    def worth(self, mine: int, theirs: int, action: int) -> int:
        """1 where the move wins in the end, 0 a draw, -1 it loses, if both are perfect."""
        mine |= self.rules.square(action, mine | theirs)
        if (mine, theirs) not in self.known:
            replies = self.rules.legal(mine | theirs)
            if self.rules.won(mine):
                value = 1
            elif replies:
                value = -max(self.worth(theirs, mine, reply) for reply in replies)
            else:
                value = 0
            self.known[mine, theirs] = value
        return self.known[mine, theirs]


class Node:
    """A position; its score is of the player who moved into it."""

    __slots__ = ("children", "mine", "score", "theirs", "untried", "visits")

    def __init__(self, mine: int, theirs: int, untried: list[int]) -> None:
        self.mine, self.theirs, self.untried = mine, theirs, untried  # mine: of who moves next
        self.children: dict[int, Node] = {}
        self.visits, self.score = 0, 0.0

    def favourite(self) -> Node:
        """The child with the highest upper confidence bound (UCT)."""
        log = math.log(self.visits)
        return max(
            self.children.values(),
            key=lambda c: c.score / c.visits + CURIOSITY * math.sqrt(log / c.visits),
        )


@dataclass(frozen=True)
class RolloutPlayer:
    """Monte Carlo tree search whose leaves are worth what random play makes of them."""

    rules: Rules
    rollouts: int = 500

    def __call__(self, board: np.ndarray, rng: Random) -> int:
        mine, theirs = self.rules.read(board)
        root = Node(mine, theirs, self._moves(mine, theirs, rng))
        for _ in range(self.rollouts):
            self._simulate(root, rng)
        return max(root.children, key=lambda action: root.children[action].visits)

    def _simulate(self, root: Node, rng: Random) -> None:
        path = [root]
        while not path[-1].untried and path[-1].children:
            path.append(path[-1].favourite())
        node = path[-1]
        if node.untried:
            action = node.untried.pop()
            mine = node.mine | self.rules.square(action, node.mine | node.theirs)
            child = Node(node.theirs, mine, self._moves(node.theirs, mine, rng))
            node.children[action] = child
            path.append(child)
        score = self._play_out(path[-1].mine, path[-1].theirs, rng)
        for node in reversed(path):
            node.visits += 1
            node.score += score
            score = 1 - score

    def _moves(self, mine: int, theirs: int, rng: Random) -> list[int]:
        """What may be tried from here, in random order; nothing where the game is over."""
        moves = [] if self.rules.won(theirs) else self.rules.legal(mine | theirs)
        rng.shuffle(moves)
        return moves

    def _play_out(self, mine: int, theirs: int, rng: Random) -> float:
        """Result in [0, 1] of random play, for the player whose stones are `theirs`."""
        rules, sign = self.rules, 1.0
        while not rules.won(theirs):
            moves = rules.legal(mine | theirs)
            if not moves:
                return 0.5
            stone = rules.square(rng.choice(moves), mine | theirs)
            mine, theirs, sign = theirs, mine | stone, -sign
        return (1 + sign) / 2


PLAYERS: dict[str, Callable[..., Player]] = {
    "random": RandomPlayer,
    "perfect": PerfectPlayer,
    "mcts": RolloutPlayer,
}
