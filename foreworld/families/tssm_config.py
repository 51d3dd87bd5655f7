"""What can be chosen about `tssm`, and what makes it the model of the paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class TssmConfig:
    width: int = 256  # of a token, and of the hidden state h
    depth: int = 2  # transformer blocks
    heads: int = 4  # of attention; they divide the width
    window: int = 16  # tokens that each looks back over, itself included
    stoch: int = 16  # categorical variables of the latent z
    classes: int = 16  # values of each
    unimix: float = 0.01  # share of uniform mixed into every categorical
    free_nats: float = 1.0  # KL below this is not worth reducing
    kl_dynamics: float = 0.5  # weight of moving the prior to the posterior
    kl_representation: float = 0.1  # weight of moving the posterior to the prior
    decode: float = 0.5  # share of a batch's frames whose image is decoded in training
    imagine_last: int = 8  # states at the end of each window handed out to imagine from
    codec: CodecConfig = field(default_factory=CodecConfig)  # encoders and heads

    def __post_init__(self) -> None:
        for name in ("depth", "window", "imagine_last"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1")


PRESETS: dict[str, dict[str, Any]] = {
    # For acting on a CPU: small and quick, so that a policy can learn beside it.
    "control": {"width": 128,
                "codec": {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128,
                          "layers": 1}},
    # The sizes of Zhang et al. 2023, for larger machines and windows of 64 steps.
    "storm": {"width": 512, "heads": 8, "window": 64, "stoch": 32, "classes": 32, "decode": 1.0,
              "codec": {"keypoints": 0, "embed": 512, "hidden": 512, "reward": "two_hot"}},
    "debug": {"width": 16, "heads": 2, "window": 4, "stoch": 8, "classes": 4,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    # A policy on one core that collects as it learns.
    "usual": {"preset": ("control",), "set": ("imagine_last=4",), "learner": "actor_critic",
              "learner_set": ("horizon=12", "lr=1e-3", "entropy=1e-3"),
              "train": ("length=16", "batch_size=16", "optimiser.final=1"),
              "prefill": 500, "num_envs": 4, "train_ratio": 32.0},
    # Zhang et al. 2023, table 4 and their code: dreams of 16 steps from 1024 states.
    "storm": {"preset": ("storm",), "set": ("imagine_last=64",), "learner": "actor_critic",
              "learner_set": ("gradient=reinforce", "horizon=16", "discount=0.985", "entropy=3e-4",
                              "lr=3e-5", "networks.hidden=512", "networks.bins=255"),
              "train": ("length=64", "batch_size=16", "optimiser.lr=1e-4", "optimiser.clip=1000",
                        "optimiser.final=1"),
              "prefill": 1024, "num_envs": 1, "train_ratio": 1024.0},
}  # fmt: skip
PAPERS = {
    "storm": "Zhang et al. 2023 (STORM), arXiv 2310.09615",
    "before it": "Robine et al. 2023 (TWM), arXiv 2303.07109; Micheli et al. 2023 (IRIS), "
    "arXiv 2209.00588",
}
