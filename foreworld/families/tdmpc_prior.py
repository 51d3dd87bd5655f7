"""The policy prior of `tdmpc`: what to do, as far as it is known without planning."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foreworld.families.codec import one_hot
from foreworld.nn.mlp import Mish, mlp
from foreworld.outputs import Categorical, Normal, Squashed, gumbel_from_normal
from foreworld.vocab import Spec

Choice = Squashed | Categorical


class Prior(nn.Module):
    """A latent [N, L] -> a `Choice` among actions; moves are actions as numbers for networks.

    Continuous: a Gaussian pressed into bounds, whose log-deviation lies in [low, high] by a tanh.
    Discrete, which the paper leaves out: classes, with straight-through Gumbel gradients
    (Jang et al. 2017). Raises ValueError for actions without bounds.
    """

    def __init__(
        self, latent: int, hidden: int, action: Spec, min_log_std: float, max_log_std: float
    ) -> None:
        super().__init__()
        self.spec, self.low, self.high = action, min_log_std, max_log_std
        outputs = action.width if action.classes else 2 * action.width
        self.net = mlp(latent, outputs, hidden, 2, Mish)
        if action.classes is None:
            low, high = _bounds(action)
            self.register_buffer("centre", (low + high) / 2, persistent=False)
            self.register_buffer("reach", (high - low) / 2, persistent=False)

    def forward(self, latent: Tensor) -> Choice:
        out, spec = self.net(latent), self.spec
        if spec.classes:
            return Categorical(out, spec.classes, scalar=not spec.shape)
        mean, raw = out.chunk(2, -1)
        log_std = self.low + 0.5 * (self.high - self.low) * (torch.tanh(raw) + 1)
        centre, reach = self.get_buffer("centre"), self.get_buffer("reach")
        return Squashed(Normal(mean, log_std.exp()), centre, reach, spec.shape)

    def likely(self, choice: Choice) -> Tensor:
        """The move [N, W] that is most likely."""
        if isinstance(choice, Squashed):
            return torch.tanh(choice.normal.mean)
        return one_hot(choice.mean, choice.classes, choice.scalar)

    def drawn(self, choice: Choice, noise: Tensor) -> tuple[Tensor, Tensor]:
        """A move [N, W] and the entropy [N] of the choice, with gradients; noise [N, W] normal."""
        if isinstance(choice, Squashed):
            return torch.tanh(choice.normal.sample(noise)), choice.entropy(noise)
        logits = choice.logits + gumbel_from_normal(noise)
        soft = torch.cat([p.softmax(-1) for p in logits.split(choice.classes, -1)], -1)
        hard = one_hot(choice.sample(noise), choice.classes, choice.scalar)
        return hard + soft - soft.detach(), choice.entropy


def _bounds(spec: Spec) -> tuple[Tensor, Tensor]:
    if spec.low is None or spec.high is None:
        raise ValueError(
            f"a policy needs bounds of every action, the spec says low={spec.low}, "
            f"high={spec.high}: give the action Spec both, e.g. Spec(..., low=-1.0, high=1.0)"
        )
    low, high = (torch.as_tensor(b, dtype=torch.float32) for b in (spec.low, spec.high))
    return low.flatten().expand(spec.width).clone(), high.flatten().expand(spec.width).clone()
