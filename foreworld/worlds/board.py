"""Board games of PettingZoo, seen from the side of whoever is to move.

    env = gymnasium.make("foreworld/Board-v0", game="connect_four")                 # with oneself
    env = gymnasium.make("foreworld/Board-v0", opponent="perfect", side="second")   # tic-tac-toe

With oneself every row is the next player's, and its reward that of the player who moved: a line
is 1. Against an opponent every row is one's own: 1 won, -1 lost.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from foreworld.errors import require, unknown
from foreworld.worlds.board_players import PLAYERS
from foreworld.worlds.board_rules import RULES

SIDES = ("first", "second", "either")


class Board(gymnasium.Env):
    """Observation: `board` float32 [H, W, 2], own stones and the other's; `legal` [A] of 0 and 1.

    Action: a square (tic-tac-toe, row by row) or a column (connect four). A move that is not legal
    loses. opponent: None, random, perfect (tic-tac-toe) or mcts, with so many random `rollouts` a
    move. side: who one is against an opponent; either: drawn. Raises ValueError for unknown names.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 1}

    def __init__(
        self,
        game: str = "tictactoe",
        opponent: str | None = None,
        side: str = "either",
        rollouts: int = 500,
        render_mode: str | None = None,
    ) -> None:
        for what, given, valid in (
            ("game", game, RULES), ("opponent", opponent or "mcts", PLAYERS), ("side", side, SIDES)
        ):  # fmt: skip
            if given not in valid:
                raise unknown(what, given, valid)
        if opponent == "perfect" and game != "tictactoe":
            raise ValueError(f"nobody plays {game} perfectly here; valid: random, mcts")
        for needed in ("pettingzoo", "pygame"):
            require(needed, "boards")
        module = require(f"pettingzoo.classic.{game}.{game}", "boards")
        self.raw = module.raw_env()
        # One that can draw makes a surface of a million pixels whenever a game begins.
        self.easel = partial(module.raw_env, render_mode="rgb_array")
        self.render_mode, self.side = render_mode, side
        self.turns = opponent is None  # see `Spec.turns`
        self.opponent = PLAYERS[opponent](RULES[game], rollouts=rollouts) if opponent else None
        first = self.raw.possible_agents[0]
        shape = self.raw.observation_space(first)["observation"].shape
        actions = int(self.raw.action_space(first).n)
        self.observation_space = Dict(
            board=Box(0.0, 1.0, shape, np.float32), legal=MultiBinary(actions)
        )
        self.action_space = Discrete(actions)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict]:
        """An empty board, or one with the opponent's first stone."""
        super().reset(seed=seed)
        self.raw.reset()
        self.rng = Random(int(self.np_random.integers(2**31)))
        drawn = SIDES[int(self.np_random.integers(2))] if self.side == "either" else self.side
        self.me = self.raw.possible_agents[drawn == "second"]
        if self.opponent is not None and drawn == "second":
            self._reply()
        return self._observe(), {}

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict]:
        """Place a stone, and let the opponent place one."""
        mover, action = self.raw.agent_selection, int(action)
        if not self.raw.observe(mover)["action_mask"][action]:
            return self._observe(), -1.0, True, False, {}
        self.raw.step(action)
        if self.opponent is not None and not self.over:
            self._reply()
        return self._observe(), float(self.raw.rewards[mover]), self.over, False, {}

    @property
    def over(self) -> bool:
        """Whether somebody won, or the board is full."""
        return any(self.raw.terminations.values())

    def _reply(self) -> None:
        assert self.opponent is not None
        seen = self.raw.observe(self.raw.agent_selection)["observation"]
        self.raw.step(self.opponent(seen, self.rng))

    def _observe(self) -> dict[str, np.ndarray]:
        """As whoever moves next sees it; once all is over nothing is legal."""
        mover = self.me if self.opponent is not None else self.raw.agent_selection
        seen = self.raw.observe(mover)
        legal = seen["action_mask"] * (not self.over)
        return {"board": seen["observation"].astype(np.float32), "legal": legal.astype(np.int8)}

    def render(self) -> Any:
        """The board as PettingZoo draws it."""
        if self.render_mode is None:
            return None
        easel = self.easel()
        easel.reset()
        easel.board = self.raw.board
        return easel.render()

    def close(self) -> None:
        self.raw.close()
