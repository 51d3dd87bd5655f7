"""What makes `rssm` the model of a paper: differences from its default config."""

from __future__ import annotations

from typing import Any

# What the papers do not have: a phase of single frames, residual priors, keypoints, overshooting.
_PAPER = {"see": 0.0, "residual": False, "overshoot": 0, "decode": 1.0, "kl_dynamics": 1.0}
_PLANET = _PAPER | {"deter": 200, "hidden": 200, "stoch": 30, "min_std": 0.1, "free_nats": 3.0,
                    "kl_representation": 1.0, "codec": {"keypoints": 0}}  # fmt: skip
_CATEGORICAL = _PAPER | {"latent": "categorical", "stoch": 32, "classes": 32}

PRESETS: dict[str, dict[str, Any]] = {
    # For worlds of few things: frames first but briefly, then everything at once.
    "simple": {"see": 0.15, "freeze": False, "kl_dynamics": 1.0, "deter": 200,
               "stoch": 32,
               "codec": {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128}},
    "planet": _PLANET,
    "dreamer_v1": _PLANET,
    "dreamer_v2": _CATEGORICAL
    | {"deter": 600, "hidden": 600, "free_nats": 0.0, "unimix": 0.0, "kl_dynamics": 0.8,
       "kl_representation": 0.2, "codec": {"keypoints": 0}},
    "dreamer_v3": _CATEGORICAL
    | {"deter": 1024, "blocks": 8, "kl_representation": 0.1,
       "codec": {"keypoints": 0, "reward": "two_hot"}},
    "debug": {"deter": 16, "stoch": 4, "classes": 4, "hidden": 16,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip
