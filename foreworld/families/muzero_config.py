"""What can be chosen about `muzero`, and what makes it play."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class MuzeroConfig:
    net: Literal["vector", "board"] = "vector"  # latents: a vector, or planes over a board
    latent: int = 128  # numbers in a vector latent
    hidden: int = 128  # width of the dynamics and of the heads
    layers: int = 1  # hidden layers of those
    channels: int = 32  # planes of a board latent
    blocks: int = 2  # residual blocks on a board, of the representation and of the dynamics
    unroll: int = 5  # K: steps imagined in training with losses on every head
    bootstrap: int = 10  # n: rewards counted before the value of what follows
    discount: float = 0.997  # of rewards, per step
    reach: float = 300.0  # largest reward or value, either way, that the supports can say
    bins: int = 201  # of those supports
    value_weight: float = 0.25  # of the value's loss
    consistency: float = 2.0  # weight of foretelling the latent that is seen then; 0: none
    codec: CodecConfig = field(  # what reads images, vectors and words
        default_factory=lambda: CodecConfig(embed=128, hidden=128, channels=16, keypoints=16)
    )

    def __post_init__(self) -> None:
        if min(self.unroll, self.bootstrap) < 1:
            raise ValueError(
                f"unroll={self.unroll}, bootstrap={self.bootstrap}: both count steps, from 1 on"
            )


# What is won or lost at the end of a short game is known then, and nothing before it is worth less.
_GAME = {"discount": 1.0, "reach": 1.0, "bins": 21, "value_weight": 1.0, "bootstrap": 3}

PRESETS: dict[str, dict[str, Any]] = {
    "tictactoe": _GAME,
    "connect_four": _GAME | {"net": "board"},
    "debug": {"latent": 32, "hidden": 32, "reach": 2.0, "bins": 41, "channels": 4, "blocks": 1,
              "codec": {"channels": 4, "keypoints": 4, "embed": 32, "hidden": 32, "context": 8}},
}  # fmt: skip


def _search(*settings: str, **flags: Any) -> dict[str, Any]:
    """Flags of a training by search. Values that nearly agree are no reason to prefer one."""
    both = [f"{who}.{what}" for what in ("min_spread=0.1", *settings) for who in ("act", "learn")]
    usual = {"learner": "search", "num_envs": 4, "train_ratio": 32.0, "prefill": 400}
    return usual | {"learner_set": tuple(both)} | flags


_LOOP = ("batch_size=64", "optimiser.lr=2e-3", "optimiser.final=0.1", "length=10")
RECIPES: dict[str, dict[str, Any]] = {
    "usual": _search(
        "num_simulations=8",
        train=("length=11", "batch_size=24", "optimiser.lr=1e-3", "optimiser.final=0.3"),
    ),
    "tictactoe": _search(
        "num_simulations=16",
        preset=("tictactoe",),
        num_envs=32,
        prefill=1000,
        train=_LOOP,
        train_ratio=16.0,
    ),
    "connect_four": _search(
        "num_simulations=50",
        preset=("connect_four",),
        num_envs=32,
        prefill=2000,
        train=_LOOP,
        train_ratio=16.0,
    ),
}
PAPERS = {
    "the model": "Schrittwieser et al. 2020 (MuZero), arXiv 1911.08265",
    "its search": "Danihelka et al. 2022 (Gumbel MuZero), openreview bERaNdoegnO",
    "consistency": "Ye et al. 2021 (EfficientZero), arXiv 2111.00210",
}
RESULTS = ("muzero_cartpole.json",)
