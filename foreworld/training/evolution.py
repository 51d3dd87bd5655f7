"""A controller bred in dreams: no gradient, no value, no step in the world.

    starts ─▶ population x episodes rows ─▶ features ─▶ W ─▶ imagine ─▶ … `horizon` times
                                               │
                     the same starts and noise for all: score = Σ reward · P(still alive)
                                               └─▶ CMA-ES: the next population

Ha & Schmidhuber 2018, section 4 and appendix A.5, over any model that foretells rewards. A dream's
death is not drawn, as it is there: its probability weighs what comes after, which is the mean over
all such draws, and deaths not drawn need no luck. `temperature` makes dreams harder to cheat in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.checkpoint import Checkpoint
from foreworld.errors import unknown
from foreworld.policies.evolved import EvolvedPolicy, LinearController
from foreworld.training.cma_es import CmaEs
from foreworld.vocab import Batch, State, WorldModel, map_state


@dataclass(frozen=True)
class EvolutionConfig:
    population: int = 32  # solutions in a generation
    episodes: int = 16  # dreams that each of them is judged by, the same for all
    horizon: int = 100  # steps in a dream
    temperature: float = 1.0  # of the dreams' chance, where the family knows such
    discount: float = 1.0  # of rewards, per step
    sigma: float = 0.1  # first step size; weights begin at 0
    diagonal: bool = False  # scales of single weights only: for thousands of them
    judge_every: int = 10  # generations after which the mean is compared with what is kept
    judge_episodes: int = 128  # dreams that this takes
    seed: int = 0  # of the search


class EvolutionLearner:
    """The search, and the best solution so far; one generation an update.

    What acts is the search's mean of some generation: a generation's best is mostly its luckiest.
    Every `judge_every` generations the mean of that time and the one kept are judged anew, by the
    same dreams, and the better one is kept. Raises ValueError for a model that predicts no reward.
    """

    Config = EvolutionConfig

    def __init__(self, model: WorldModel, config: EvolutionConfig) -> None:
        if "reward" not in model.heads:
            raise unknown("head for learning a policy", "reward", model.heads)
        self.model, self.config = model, config
        self.controller = LinearController(model)
        size = self.controller.size
        c = config
        self.search = CmaEs(size, c.population, c.sigma, c.seed, c.diagonal)
        self.kept = torch.zeros(size, device=model.device)
        self.judged = torch.zeros((), device=model.device)  # what it scored when last judged

    def prepare(self, batch: Batch) -> Batch:
        """As it is."""
        return batch

    def update(self, batch: Batch, starts: State, share: float) -> dict[str, Tensor]:
        """Judge a generation in dreams from `starts` [N], and breed the next."""
        c = self.config
        scores, alive = self.dream(self._weights(self.search.ask()), starts, c.episodes)
        each = scores.mean(1)
        self.search.tell(each.double().cpu().numpy())
        if self.search.generation % c.judge_every == 0:
            self._judge(starts)
        return {
            "policy/return": each.mean(),
            "policy/best": each.max(),
            "policy/alive": alive.mean(),
            "policy/kept": self.judged,
            "policy/sigma": torch.tensor(self.search.sigma),
        }

    def policy(self, seed: int = 0, sample: bool = False) -> EvolvedPolicy:
        """What is kept; it leaves nothing to chance."""
        return EvolvedPolicy(self.model, self.controller, self.kept)

    @torch.no_grad()
    def dream(self, weights: Tensor, starts: State, episodes: int) -> tuple[Tensor, Tensor]:
        """P solutions [P, size], each from the same random starts: scores, and P(alive), [P, E]."""
        c, num = self.config, len(weights)
        chosen = torch.randint(starts.action.shape[0], (episodes,)).to(self.model.device)
        noise = self.model.noise(episodes, c.horizon, int(torch.randint(2**31, ())))
        noise_EHK = self.model.temper(noise, c.temperature)

        def for_all(x: Tensor) -> Tensor:
            return x.repeat(num, *[1] * (x.ndim - 1))

        state = map_state(lambda x: for_all(x[chosen]), starts)
        heads = [h for h in ("continue", "reward") if h in self.model.heads]
        alive = self._said(state, heads[:-1])[0]
        total = torch.zeros_like(alive)
        for h in range(c.horizon):
            action = self.controller(weights, self.model.features(state))
            state = self.model.imagine(state, action, for_all(noise_EHK[:, h]))
            going_on, reward = self._said(state, heads)
            total += alive * reward
            alive = alive * going_on * c.discount
        return total.unflatten(0, (num, episodes)), alive.unflatten(0, (num, episodes))

    def _said(self, state: State, heads: list[str]) -> tuple[Tensor, Tensor]:
        """P(continue), 1 where a model knows no end, and the reward, 0 where nobody asks."""
        said = {h: p.mean for h, p in self.model.predict(state, heads).items()}
        rows = torch.ones(state.action.shape[0], device=self.model.device)
        return said.get("continue", rows), said.get("reward", 0 * rows)

    def _judge(self, starts: State) -> None:
        """Keep the mean if it does better than what is kept."""
        mean = self._weights(self.search.mean[None])
        both = torch.cat([mean, self.kept.unsqueeze(0)])
        scores = self.dream(both, starts, self.config.judge_episodes)[0].mean(1)
        self.kept, self.judged = both[scores.argmax()], scores.max()

    def _weights(self, solutions: np.ndarray) -> Tensor:
        return torch.from_numpy(solutions).float().to(self.model.device)

    # -- resuming ----------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Group `policy`, what is kept, and `evolution`, the search; no documents."""
        search = {k: torch.from_numpy(v) for k, v in self.search.state().items()}
        return {"policy": {"kept": self.kept, "judged": self.judged}, "evolution": search}, {}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `checkpoint` was written."""
        self.load(checkpoint.arrays["policy"])
        search = {k: v.numpy() for k, v in checkpoint.arrays["evolution"].items()}
        self.search.restore(search)

    def load(self, weights: dict[str, Tensor]) -> None:
        """What is kept: enough to act."""
        self.kept, self.judged = (weights[k].to(self.model.device) for k in ("kept", "judged"))
