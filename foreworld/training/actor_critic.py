"""A policy learned in imagination: an actor and a critic that never meet the world (Dreamer).

    starts ─▶ features ─▶ actor ─▶ imagine ─▶ … `horizon` times   (the world model stands still)
                 │
                 ▼  rewards, continue, values ─▶ λ-returns ─▶ actor: more of what was worth it
                                                          └─▶ critic: what it was worth

Hafner et al. 2020 (V1: through the dynamics), 2021 (V2: REINFORCE) and 2023 (V3: two-hot values,
returns in units of their own spread). Beyond the papers: starts count by their own `continue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from foreworld.binned import TwoHot
from foreworld.checkpoint import Checkpoint
from foreworld.errors import unknown
from foreworld.nn.following import Spread, follow
from foreworld.planners import Ensemble, EnsembleConfig
from foreworld.policies.actor_critic import (
    ActorCritic,
    ActorCriticConfig,
    ActorPolicy,
)
from foreworld.resume import flatten_optimizer, restore_optimizer
from foreworld.training.optimiser import OptimiserConfig, apply_gradients, make_optimiser
from foreworld.vocab import Batch, State, WorldModel


@dataclass(frozen=True)
class LearnerConfig:
    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    horizon: int = 15  # steps imagined
    discount: float = 0.997  # of rewards, per step
    trace: float = 0.95  # λ: how far returns rely on imagined rewards before they ask the critic
    entropy: float = 3e-4  # weight of staying undecided
    gradient: Literal["auto", "reinforce", "dynamics"] = "auto"  # auto: dynamics if continuous
    slow_rate: float = 0.02  # how fast the slow critic follows
    slow_weight: float = 1.0  # of staying near the slow critic
    spread_rate: float = 0.01  # how fast the returns' spread follows what is imagined
    explore: float = 0.0  # share of disagreement in the reward; 1: nothing else counts
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)  # whose disagreement that is
    lr: float = 3e-4  # peak learning rate of actor and critic; its course is the loop's
    eps: float = 1e-8  # Adam's epsilon
    clip: float = 100.0  # largest norm of each network's gradient


class Dream(NamedTuple):
    """H imagined steps from N starts; time is first, instants 0 … H."""

    features: Tensor  # [H + 1, N, D]
    codes: Tensor  # [H, N, ...] what the actor drew
    surprise: Tensor  # [H, N] minus the log-probability of that, with a gradient for the actor
    entropy: Tensor  # [H, N] of the choices, with a gradient for the actor
    reward: Tensor  # [H, N] arriving with instants 1 … H
    going_on: Tensor  # [H + 1, N] discount * P(continue)


class ActorCriticLearner:
    """The networks, their optimisers, and the spread of returns so far.

    Raises ValueError for a model that predicts no reward, and where gradients would have to pass
    through a choice among classes.
    """

    Config = LearnerConfig

    def __init__(self, model: WorldModel, config: LearnerConfig) -> None:
        if "reward" not in model.heads:
            raise unknown("head for learning a policy", "reward", model.heads)
        discrete = model.specs["action"].classes is not None
        if config.gradient == "dynamics" and discrete:
            raise ValueError(
                "gradient=dynamics with discrete actions: a class has no gradient; leave it at auto"
            )
        self.through = config.gradient == "dynamics" or (config.gradient == "auto" and not discrete)
        self.model, self.config = model, config
        self.networks = ActorCritic(model, config.networks)
        self.spread = Spread(config.spread_rate).to(model.device)
        self.ensemble = Ensemble(model, config.ensemble) if config.explore else None
        self._how = OptimiserConfig(lr=config.lr, eps=config.eps, clip=config.clip)
        self._parts: dict[str, nn.Module] = {
            "actor": self.networks.actor,
            "critic": self.networks.critic,
            **({"ensemble": self.ensemble} if self.ensemble is not None else {}),
        }
        self.optimisers = {
            name: make_optimiser(part.parameters(), self._how) for name, part in self._parts.items()
        }

    def policy(self, seed: int = 0, sample: bool = False) -> ActorPolicy:
        """The actor as it is now and will be: it is shared, not copied."""
        return ActorPolicy(self.model, self.networks.actor, sample, seed)

    def prepare(self, batch: Batch) -> Batch:
        """As it is: dreams need no targets."""
        return batch

    def update(self, batch: Batch, starts: State, share: float) -> dict[str, Tensor]:
        """Imagine from `starts` [N], then one step of actor and critic."""
        nets, dream = self.networks, self._dream(starts)
        said = nets.critic(dream.features.detach())  # with a gradient for the critic
        # Where returns are differentiated, the critic is one more function of the last state.
        value = nets.critic(dream.features).mean if self.through else said.mean.detach()
        returns = lambda_returns(dream.reward, dream.going_on, value, self.config.trace)
        weight = weights(dream.going_on)[:-1].detach()
        actor_loss = self._actor_loss(dream, returns, value, weight)
        critic_loss = self._critic_loss(said, dream.features[:-1].detach(), returns, weight)
        losses = {"actor": actor_loss, "critic": critic_loss}
        if self.ensemble is not None:
            losses["ensemble"] = self.ensemble.loss(self.model, batch)
        for name, loss in losses.items():
            loss.backward(inputs=list(self._parts[name].parameters()))
            apply_gradients(self.optimisers[name], self._how, share * self.config.lr)
        follow(nets.slow, nets.critic, self.config.slow_rate)
        figures = {
            **losses,
            "entropy": dream.entropy.mean(),
            "return": returns.mean(),
            "spread": self.spread.width,
            "reward": dream.reward.mean(),
        }
        return {f"policy/{k}": v.detach() for k, v in figures.items()}

    def _dream(self, starts: State) -> Dream:
        """The world model's parameters stand still: `update` asks for no gradient of theirs."""
        actor, horizon = self.networks.actor, self.config.horizon
        rows, width = starts.action.shape[0], actor.spec.width
        # Drawn at once; global chance is part of checkpoints, so resumed runs draw the same.
        seed = int(torch.randint(2**31, ()))
        noise_NHK = self.model.noise(rows, horizon, seed)
        noise_HNA = torch.randn(horizon, rows, width, device=noise_NHK.device)
        heads = ["reward", *(h for h in ("continue",) if h in self.model.heads)]
        state, features, codes, said_of_codes = starts, [], [], []
        said: dict[str, list[Tensor]] = {head: [] for head in heads}
        # Instant by instant: a thousand states at a time stay in the processor's cache.
        with torch.set_grad_enabled(self.through):
            for h in range(horizon + 1):
                features.append(self.model.features(state))
                for head, prediction in self.model.predict(state, heads).items():
                    said[head].append(prediction.mean)
                if h == horizon:
                    break
                with torch.enable_grad():  # now, so that the actor need not look again afterwards
                    choice = actor(features[-1].detach())
                codes.append(choice.sample(noise_HNA[h]))
                with torch.enable_grad():
                    entropy = actor.entropy(choice, codes[-1])
                    said_of_codes.append((choice.loss(codes[-1]), entropy))
                state = self.model.imagine(state, actor.action(codes[-1]), noise_NHK[:, h])
            told = {head: torch.stack(means) for head, means in said.items()}
            stacked, drawn = torch.stack(features), torch.stack(codes)
            reward = self._reward(told["reward"][1:], stacked[:-1], drawn)
        going_on = told.get("continue", torch.ones_like(told["reward"]))
        surprise, entropy = (torch.stack(x) for x in zip(*said_of_codes, strict=True))
        going_on = self.config.discount * going_on
        return Dream(stacked, drawn, surprise, entropy, reward, going_on)

    def _reward(self, predicted: Tensor, features: Tensor, codes: Tensor) -> Tensor:
        """What the model promises, and what it does not know (Sekar et al. 2020)."""
        if self.ensemble is None:
            return predicted
        flat = self.networks.actor.action(codes.flatten(0, 1)).unflatten(0, codes.shape[:2])
        bonus = self.ensemble.disagreement(features, flat)
        return (1 - self.config.explore) * predicted + self.config.explore * bonus

    def _actor_loss(self, dream: Dream, returns: Tensor, value: Tensor, weight: Tensor) -> Tensor:
        """Minus what was gained, in units of the returns' spread, and minus the entropy."""
        scale = self.spread.update(returns.detach())
        if self.through:
            gain = returns / scale
        else:
            advantage = ((returns - value[:-1]) / scale).detach()
            gain = advantage * -dream.surprise
        return -(weight * (gain + self.config.entropy * dream.entropy)).mean()

    def _critic_loss(
        self, said: TwoHot, features: Tensor, returns: Tensor, weight: Tensor
    ) -> Tensor:
        """Of instants 0 … H - 1: towards the returns, and not far from the slow critic."""
        said = TwoHot(said.logits[:-1])
        with torch.no_grad():
            slow = self.networks.slow(features).mean
        miss = said.loss(returns.detach()) + self.config.slow_weight * said.loss(slow)
        return (weight * miss).mean()

    # -- resuming ----------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Group `policy` of all weights, and `policy_actor` … of every optimiser."""
        arrays = {"policy": self._modules().state_dict()}
        documents = {}
        for name, optimiser in self.optimisers.items():
            arrays[f"policy_{name}"], documents[f"policy_{name}"] = flatten_optimizer(optimiser)
        return arrays, documents

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `checkpoint` was written."""
        self.load(checkpoint.arrays["policy"])
        for name, optimiser in self.optimisers.items():
            group = f"policy_{name}"
            restore_optimizer(optimiser, checkpoint.arrays[group], checkpoint.documents[group])

    def load(self, weights: dict[str, Tensor]) -> None:
        """The weights alone: enough to act."""
        self._modules().load_state_dict(weights)

    def _modules(self) -> nn.ModuleDict:
        parts: dict[str, nn.Module] = {"networks": self.networks, "spread": self.spread}
        return nn.ModuleDict(parts | ({"ensemble": self.ensemble} if self.ensemble else {}))


def lambda_returns(reward: Tensor, going_on: Tensor, value: Tensor, trace: float) -> Tensor:
    """Returns [H, N] of instants 0 … H - 1 (Sutton & Barto, eq. 12.18; Hafner et al. 2023, eq. 7).

    reward [H, N] arrives with instants 1 … H, going_on and value [H + 1, N] belong to instants::

        R_t = r_{t+1} + g_{t+1} ((1 - trace) v_{t+1} + trace R_{t+1}),   R_H = v_H
    """
    following, returns = value[-1], []
    for t in reversed(range(len(reward))):
        mixed = (1 - trace) * value[t + 1] + trace * following
        following = reward[t] + going_on[t + 1] * mixed
        returns.append(following)
    return torch.stack(returns[::-1])


def weights(going_on: Tensor) -> Tensor:
    """How much each instant [H + 1, N] counts: the chance that it is reached, and is not the end.

    The start counts by its own P(continue): nothing is to be learned about acting after the end.
    """
    return going_on.cumprod(0)
