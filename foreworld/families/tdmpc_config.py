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
    # What one busy core can learn with; the pair of Q functions is all that a target asks.
    "nano": {"latent": 128, "hidden": 128, "encoder": 128, "members": 2, "codec": _IMAGES},
    "small": {"latent": 256, "hidden": 256, "encoder": 128, "codec": _IMAGES},  # 1.4M
    "base": {},  # the paper's size, 5M
    "debug": {"latent": 32, "simplex": 4, "hidden": 32, "encoder": 32, "members": 3, "bins": 41,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip


def _recipe(preset: str, batch: int, lr: float, candidates: int, elites: int, iterations: int,
            prefill: int) -> dict[str, Any]:  # fmt: skip
    """An update of windows of four steps for every decision, which MPPI makes."""
    loop = (f"batch_size={batch}", "length=4", f"optimiser.lr={lr}", "optimiser.final=1",
            "optimiser.clip=20")  # fmt: skip
    search = ("horizon=3", f"num_candidates={candidates}", "num_policy=24",
              f"num_elites={elites}", f"iterations={iterations}", "spread=2", "min_spread=0.05",
              "temperature=0.5")  # fmt: skip
    return {"preset": (preset,), "train": loop, "planner": "mppi", "planner_set": search,
            "replan_every": 1, "num_envs": 1, "prefill": prefill,
            "train_ratio": 4.0 * batch}  # fmt: skip


# In the few thousand updates of a short training, targets that follow as slowly as the paper's
# (0.01) never arrive at what lies fifty steps ahead: values stay at half of the returns.
_SHORT = {"set": ("target_rate=0.05",)}
RECIPES: dict[str, dict[str, Any]] = {
    "usual": _recipe("nano", 128, 1e-3, 128, 24, 3, 500) | _SHORT,
    "small": _recipe("small", 128, 1e-3, 256, 64, 4, 1000) | _SHORT,
    "paper": _recipe("base", 256, 3e-4, 512, 64, 6, 2500),
}
PAPERS = {"base": "Hansen, Su & Wang 2024 (TD-MPC2), arXiv 2310.16828"}
RESULTS: tuple[str, ...] = ()
