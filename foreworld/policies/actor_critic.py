"""An actor and a critic over a world model's features, and the actor as a policy.

    step --observe--> state --features--> actor --> choice --> action --> world
                                  |
                                  +-----> critic --> what the future is worth

Any family will do: networks see `model.features(state)` and nothing else. How they learn without
touching the world is in `foreworld.training.actor_critic`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.binned import TwoHot
from foreworld.nn.mlp import mlp, scale_output
from foreworld.outputs import Categorical, Normal
from foreworld.policies.planned import step_batch
from foreworld.vocab import Spec, State, Step, WorldModel

Choice = Normal | Categorical  # what an actor would like to do; draws from it are codes


@dataclass(frozen=True)
class ActorCriticConfig:
    hidden: int = 128  # width of both networks
    layers: int = 2  # hidden layers of both
    bins: int = 127  # of the critic's two-hot values
    unimix: float = 0.01  # share of every choice among classes that stays uniform
    min_std: float = 0.1  # of continuous choices, before they are squashed
    max_std: float = 1.0


class Actor(nn.Module):
    """Features [..., D] -> a `Choice`; codes drawn from it become actions in the world's units.

    Codes are class numbers where actions are discrete (one component or several). Where they are
    continuous a code u is unbounded, and the action is centre + reach * tanh(u), so that no
    draw is out of bounds and every draw has a gradient. Raises ValueError for unbounded actions.
    """

    def __init__(self, width: int, action: Spec, config: ActorCriticConfig) -> None:
        super().__init__()
        self.spec, self.config = action, config
        outputs = action.width if action.classes else 2 * action.width
        self.net = scale_output(mlp(width, outputs, config.hidden, config.layers), 0.01)
        if action.classes is None:
            low, high = bounds(action)
            self.register_buffer("centre", (low + high) / 2, persistent=False)
            self.register_buffer("reach", (high - low) / 2, persistent=False)

    def forward(self, features: Tensor) -> Choice:
        out, c = self.net(features), self.config
        if self.spec.classes:
            return Categorical(self._mixed(out), self.spec.classes, scalar=not self.spec.shape)
        mean, raw = out.chunk(2, -1)
        std = c.min_std + (c.max_std - c.min_std) * torch.sigmoid(raw + 2)
        return Normal(5 * torch.tanh(mean / 5), std)  # beyond 5 tanh is flat: no way back

    def action(self, code: Tensor) -> Tensor:
        """Codes [B, ...] -> actions [B, *spec.shape] in the world's units."""
        if self.spec.classes:
            return code
        flat = self.get_buffer("centre") + self.get_buffer("reach") * torch.tanh(code)
        return flat.unflatten(-1, self.spec.shape) if self.spec.shape else flat.squeeze(-1)

    def entropy(self, choice: Choice, code: Tensor) -> Tensor:
        """Of the action chosen, in nats [...]; squashed choices are estimated from one draw.

        Of the latter up to a constant, the logarithm of the range: H(a) = H(u) + E log |da/du|.
        """
        if isinstance(choice, Categorical):
            return choice.entropy
        # log(1 - tanh(u)^2), in the form that does not round to log(0).
        slope = 2 * (math.log(2) - code - F.softplus(-2 * code))
        return choice.entropy + slope.sum(-1)

    def _mixed(self, logits: Tensor) -> Tensor:
        assert self.spec.classes is not None
        parts = [p.softmax(-1) for p in logits.split(self.spec.classes, -1)]
        share = self.config.unimix
        return torch.cat([((1 - share) * p + share / p.shape[-1]).log() for p in parts], -1)


class Critic(nn.Module):
    """Features [..., D] -> the value as a two-hot distribution; born at zero."""

    def __init__(self, width: int, config: ActorCriticConfig) -> None:
        super().__init__()
        self.net = scale_output(mlp(width, config.bins, config.hidden, config.layers), 0.0)

    def forward(self, features: Tensor) -> TwoHot:
        return TwoHot(self.net(features))


class ActorCritic(nn.Module):
    """The networks, with a critic that follows slowly (Mnih et al. 2015; Hafner et al. 2023)."""

    def __init__(self, model: WorldModel, config: ActorCriticConfig) -> None:
        super().__init__()
        with torch.no_grad():
            width = model.features(model.initial(1)).shape[-1]
        self.actor = Actor(width, model.specs["action"], config)
        self.critic = Critic(width, config)
        self.slow = copy.deepcopy(self.critic).requires_grad_(False)
        self.to(model.device)


class ActorCarry(NamedTuple):
    """What an actor remembers."""

    state: State  # the model's, leaves [N, ...]
    steps: int  # so far: each gets its own noise


@dataclass(frozen=True, eq=False)
class ActorPolicy:
    """See, remember, act; sample: draw from the actor's choices instead of taking their mode."""

    model: WorldModel
    actor: Actor
    sample: bool = False
    seed: int = 0

    def init(self, num_envs: int) -> ActorCarry:
        return ActorCarry(self.model.initial(num_envs), 0)

    @torch.no_grad()
    def act(self, carry: ActorCarry, step: Step) -> tuple[ActorCarry, np.ndarray]:
        """step: arrays [N, ...], at least the model's observation keys and `is_first`."""
        state = self.model.observe(carry.state, step_batch(self.model, step))
        choice = self.actor(self.model.features(state))
        code = choice.mean
        if self.sample:
            spec = self.actor.spec
            rng = np.random.default_rng((self.seed, carry.steps))
            noise = rng.standard_normal((len(step["is_first"]), spec.width), np.float32)
            code = choice.sample(torch.from_numpy(noise).to(self.model.device))
        action = self.actor.action(code)
        carry = ActorCarry(state._replace(action=action), carry.steps + 1)
        return carry, action.cpu().numpy().astype(self.actor.spec.dtype)


def bounds(spec: Spec) -> tuple[Tensor, Tensor]:
    """Lowest and highest action [width]. Raises ValueError where one of them is missing."""
    if spec.low is None or spec.high is None:
        raise ValueError(
            f"an actor needs bounds of every action, the spec says low={spec.low}, "
            f"high={spec.high}: give the action Spec both, e.g. Spec(..., low=-1.0, high=1.0)"
        )
    low, high = (torch.as_tensor(b, dtype=torch.float32) for b in (spec.low, spec.high))
    return low.flatten().expand(spec.width).clone(), high.flatten().expand(spec.width).clone()
