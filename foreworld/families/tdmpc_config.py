"""What can be chosen about `tdmpc`, and its sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class TdmpcConfig:
    latent: int = 512  # numbers in a latent
    simplex: int = 8  # numbers of the latent that share one softmax
    hidden: int = 512  # width of every network but the encoder
    encoder: int = 256  # width of the encoder's hidden layers
    encoder_layers: int = 1  # of these
    members: int = 5  # Q functions
    dropout: float = 0.01  # after the first layer of each
    bins: int = 101  # of rewards and values
    span: float = 10.0  # the bins lie in [-span, span] after symlog
    horizon: int = 3  # steps imagined in training, from the first row of each window
    rho: float = 0.5  # how much a step counts, of the one before
    discount: float = 0.99  # of rewards, per step
    episode_length: int | None = None  # steps; where given, the discount follows from it
    target_rate: float = 0.01  # how fast the target Q functions follow
    spread_rate: float = 0.01  # how fast the spread of values follows
    consistency: float = 20.0  # weight of imagined latents being those that are then seen
    reward: float = 0.1  # weight of the reward
    value: float = 0.1  # weight of the values
    ends: float = 1.0  # weight of foreseeing ends; 0: worlds that have none, no `continue` head
    entropy: float = 1e-4  # weight of the policy's staying undecided
    min_log_std: float = -10.0  # of the policy, before it is squashed
    max_log_std: float = 2.0
    encoder_rate: float = 0.3  # of the learning rate that the encoder gets
    codec: CodecConfig = field(default_factory=CodecConfig)  # what reads images and words

    def __post_init__(self) -> None:
        if self.latent % self.simplex:
            raise ValueError(
                f"latent={self.latent} is no multiple of simplex={self.simplex}: the latent is cut "
                f"into softmaxes of {self.simplex} numbers"
            )
        for name in ("horizon", "members", "simplex"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1")

    @property
    def gamma(self) -> float:
        """The discount per step: (L/5 - 1) / (L/5) within [0.95, 0.995] for episodes of L steps.

        Hansen et al. 2024, appendix: tasks that last longer look further.
        """
        if self.episode_length is None:
            return self.discount
        fifth = self.episode_length / 5
        return min(max((fifth - 1) / fifth, 0.95), 0.995)


_IMAGES = {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128}

PRESETS: dict[str, dict[str, Any]] = {
    "base": {},  # the paper's size, 5M parameters
    # For one core: 1M parameters.
    "small": {"latent": 256, "hidden": 256, "encoder": 128, "codec": _IMAGES},
    "debug": {"latent": 32, "simplex": 4, "hidden": 32, "encoder": 32, "members": 3, "bins": 41,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip

_TRAIN = ("batch_size=256", "length=4", "optimiser.lr=3e-4", "optimiser.final=1",
          "optimiser.clip=20")  # fmt: skip
_MPPI = ("horizon=3", "num_candidates=512", "num_policy=24", "num_elites=64", "iterations=6",
         "spread=2", "min_spread=0.05", "temperature=0.5")  # fmt: skip

RECIPES: dict[str, dict[str, Any]] = {
    # One core: an update for every decision, as in the paper, with half its batch and search.
    "usual": {"preset": ("small",), "train": (*_TRAIN, "batch_size=128", "optimiser.lr=1e-3"),
              "planner": "mppi", "planner_set": (*_MPPI, "num_candidates=256", "iterations=4"),
              "replan_every": 1, "num_envs": 1, "prefill": 1000, "train_ratio": 512.0},
    "paper": {"preset": ("base",), "train": _TRAIN, "planner": "mppi", "planner_set": _MPPI,
              "replan_every": 1, "num_envs": 1, "prefill": 2500, "train_ratio": 1024.0},
}  # fmt: skip
