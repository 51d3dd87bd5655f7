"""Opponents on a board: the perfect one never loses, rollouts see four in a row."""

from random import Random

import numpy as np
import pytest

from foreworld.worlds.board_players import PLAYERS
from foreworld.worlds.board_rules import RULES


def board(text):
    """Planes [H, W, 2] of rows of x (own), o (the other's) and dots."""
    rows = text.split()
    return np.array([[[c == "x", c == "o"] for c in row] for row in rows], np.int8)


def test_perfect_players_draw_and_beat_chance():
    rules, rng = RULES["tictactoe"], Random(0)
    perfect, chance = (PLAYERS[name](rules) for name in ("perfect", "random"))
    for players, worst in (((perfect, perfect), 0), ((perfect, chance), 0), ((chance, perfect), 0)):
        results = [play(rules, players, rng) for _ in range(30)]
        signs = [r if players[0] is perfect else -r for r in results]
        assert min(signs) >= worst
        assert (max(signs) == 0) == (players == (perfect, perfect))


def play(rules, players, rng):
    """1 where the first wins, -1 where the second does."""
    stones, mover = [0, 0], 0
    while rules.legal(stones[0] | stones[1]):
        planes = np.zeros((9, 2), np.int8)
        for plane, bits in enumerate((stones[mover], stones[1 - mover])):
            planes[:, plane] = [bits >> i & 1 for i in range(9)]
        action = players[mover](planes.reshape(3, 3, 2), rng)
        stones[mover] |= rules.square(action, stones[0] | stones[1])
        if rules.won(stones[mover]):
            return 1 - 2 * mover
        mover = 1 - mover
    return 0


@pytest.mark.parametrize(
    ("position", "best"),
    [
        (".......\n.......\n.......\n.......\n.......\nxxx.oo.", 3),  # wins
        (".......\n.......\n.......\n.......\n.x.....\nxooo...", 4),  # must not let four lie there
        (".......\n.......\n...o...\n...o...\n...o...\n..xx.x.", 4),  # wins, rather than stop three
    ],
)
def test_rollouts_see_four_in_a_row(position, best):
    player = PLAYERS["mcts"](RULES["connect_four"], rollouts=300)
    assert player(board(position), Random(0)) == best
