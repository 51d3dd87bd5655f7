"""Tic-tac-toe and connect four on bits: quick enough for players that look ahead.

mine, theirs = game.read(board)          one int each, a bit a square
for action in game.legal(mine | theirs):
    mine |= game.square(action, mine | theirs)
    game.won(mine)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Rules(Protocol):
    """A game in which two place stones in turn, and a line of theirs wins."""

    def read(self, board: np.ndarray) -> tuple[int, int]:
        """Planes [H, W, 2] of the own stones and the other's -> bits."""
        ...

    def legal(self, taken: int) -> list[int]:
        """Actions that are left; none: the board is full."""
        ...

    def square(self, action: int, taken: int) -> int:
        """The bit of the stone that an action places."""
        ...

    def won(self, stones: int) -> bool:
        """Whether one player's stones hold a line."""
        ...


LINES = tuple(
    sum(1 << square for square in line)
    for line in ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8),
                 (2, 4, 6))
)  # fmt: skip


@dataclass(frozen=True)
class TicTacToe:
    """Bit i is square i, row by row; action i takes it."""

    def read(self, board: np.ndarray) -> tuple[int, int]:
        weights = 1 << np.arange(9)
        mine, theirs = weights @ board.reshape(9, 2).astype(np.int64)
        return int(mine), int(theirs)

    def legal(self, taken: int) -> list[int]:
        return [square for square in range(9) if not taken >> square & 1]

    def square(self, action: int, taken: int) -> int:
        return 1 << action

    def won(self, stones: int) -> bool:
        return any(stones & line == line for line in LINES)


HEIGHT, WIDTH, LIFT = 6, 7, 7  # a column takes 7 bits: the highest stays empty, and parts lines
TOPS = tuple(1 << (column * LIFT + HEIGHT - 1) for column in range(WIDTH))
BOTTOMS = tuple(1 << (column * LIFT) for column in range(WIDTH))
COLUMNS = tuple(((1 << HEIGHT) - 1) << (column * LIFT) for column in range(WIDTH))


@dataclass(frozen=True)
class ConnectFour:
    """Bit 7 c + h is column c at height h; action c drops a stone into it."""

    def read(self, board: np.ndarray) -> tuple[int, int]:
        height, column = np.mgrid[HEIGHT - 1 : -1 : -1, 0:WIDTH]
        weights = 1 << (column * LIFT + height).ravel()
        mine, theirs = weights @ board.reshape(-1, 2).astype(np.int64)
        return int(mine), int(theirs)

    def legal(self, taken: int) -> list[int]:
        return [column for column in range(WIDTH) if not taken & TOPS[column]]

    def square(self, action: int, taken: int) -> int:
        return (taken + BOTTOMS[action]) & COLUMNS[action] & ~taken

    def won(self, stones: int) -> bool:
        for step in (1, LIFT - 1, LIFT, LIFT + 1):
            pairs = stones & stones >> step
            if pairs & pairs >> 2 * step:
                return True
        return False


RULES: dict[str, Rules] = {"tictactoe": TicTacToe(), "connect_four": ConnectFour()}
