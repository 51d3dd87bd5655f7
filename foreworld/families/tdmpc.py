"""TD-MPC2: a world model that predicts what acting is worth, and never what anything looks like.

Hansen, Su & Wang 2024 (arXiv 2310.16828), section 3::

    o_t ─ encoder h ─▶ z_t ─ dynamics d(z, a) ─▶ z_{t+1} ─▶ ...      z: softmaxes side by side
                        ├─ reward R(z, a)   two-hot
                        ├─ value Q_k(z, a)  two-hot, an ensemble with slow targets
                        ├─ policy p(z)      what planning begins from
                        └─ continue(z)      where worlds end (the episodic variant)

    loss = sum_t rho^t (20 |d(z_t, a_t) - sg h(o_{t+1})|^2 + 0.1 CE(R, r) + 0.1 CE(Q_k, y))
    y    = r + gamma * continue * min of two random target Q at p(z')
    policy: -sum_t rho^t (mean of two random Q at p(sg z_t), Q standing still, / spread + entropy)

Differs from the paper: one optimiser step and one clipped norm for all, so that the policy climbs
the Q functions of before the update; observations in deviations of the data; one more softmax of
the images' and words' codes of the house; discrete actions (`Prior`); a window that crosses the
seam of two episodes counts up to the seam.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.binned import TwoHot
from foreworld.families.codec import action_vector, check_heads, zero_action
from foreworld.families.scales import Scales
from foreworld.families.tdmpc_config import PRESETS as PRESETS
from foreworld.families.tdmpc_config import RECIPES as RECIPES
from foreworld.families.tdmpc_config import TdmpcConfig as TdmpcConfig
from foreworld.families.tdmpc_encoder import LatentEncoder, latent_mlp
from foreworld.families.tdmpc_prior import Prior
from foreworld.nn.ensemble import EnsembleMlp
from foreworld.nn.following import Spread, follow
from foreworld.nn.mlp import Mish, mlp, scale_output
from foreworld.outputs import Bernoulli, Mse
from foreworld.vocab import Batch, Loss, Phase, Prediction, Specs, WorldModel


class TdmpcState(NamedTuple):
    latent: Tensor  # [B, L]
    before: Tensor  # [B, L] the latent that it was reached from; zeros at the beginning
    move: Tensor  # [B, A] by which action
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Window(NamedTuple):
    """H imagined steps beside what was seen, from the first row of windows [B, H + 1]."""

    latents: Tensor  # [B, H + 1, L] the first as seen, then imagined one from the other
    seen: Tensor  # [B, H + 1, L] what was seen; no gradient
    moves: Tensor  # [B, H, A]
    weight: Tensor  # [B, H + 1] rho^t; 0 from the seam of two episodes on


class Tdmpc(WorldModel):
    """See the module's picture; shapes in `TdmpcState`. It is deterministic: noise has no width.

    The reward that arrives with a state is one of the latent before and the action taken there.
    """

    Config = TdmpcConfig

    def __init__(self, specs: Specs, config: TdmpcConfig) -> None:
        super().__init__()
        self.specs = dict(specs)
        self.config = c = config
        self.discount = c.gamma
        self.scales = Scales(specs)
        self.encoder = LatentEncoder(specs, c)
        width = c.latent + specs["action"].width
        self.dynamics = latent_mlp(width, c.hidden, 2, c)
        self.reward = mlp(width, c.bins, c.hidden, 2, Mish)
        self.going_on = mlp(c.latent, 1, c.hidden, 1, Mish)
        self.policy = Prior(c.latent, c.hidden, specs["action"], c.min_log_std, c.max_log_std)
        self.apply(_born)
        scale_output(self.reward, 0.0)
        self.values = EnsembleMlp(c.members, width, c.bins, c.hidden, 2, c.dropout)
        self.targets = copy.deepcopy(self.values)
        self.targets.dropout = 0.0
        self.spread = Spread(c.spread_rate)
        self.heads = ("reward", "value", "policy", *(("continue",) if c.ends else ()))

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> TdmpcState:
        c, spec = self.config, self.specs["action"]

        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, device=self.device)

        action = zero_action(spec, batch_size, self.device)
        return TdmpcState(zeros(c.latent), zeros(c.latent), zeros(spec.width), action)

    def observe(self, state: TdmpcState, batch: Batch) -> TdmpcState:
        """What is seen last is all; the row before only tells which reward it brought."""
        for row in range(max(0, batch["is_first"].shape[1] - 2), batch["is_first"].shape[1]):
            latent = self._encode({k: v[:, row : row + 1] for k, v in batch.items()})[:, 0]
            known = ~batch["is_first"][:, row].unsqueeze(-1)
            move = action_vector(state.action, self.specs["action"])
            action = batch["action"][:, row] if "action" in batch else 0 * state.action
            state = TdmpcState(latent, state.latent * known, move * known, action)
        return state

    def imagine(self, state: TdmpcState, action: Tensor, noise: Tensor | None = None) -> TdmpcState:
        move = action_vector(action, self.specs["action"])
        latent = self.dynamics(torch.cat([state.latent, move], -1))
        return TdmpcState(latent, state.latent, move, torch.zeros_like(state.action))

    def predict(
        self, state: TdmpcState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        say = {
            "reward": lambda: self._two_hot(self.reward(torch.cat([state.before, state.move], -1))),
            "value": lambda: self._value(state.latent),
            "policy": lambda: self.policy(state.latent),
            "continue": lambda: self._continue(state.latent),
        }
        return {head: say[head]() for head in (self.heads if heads is None else heads)}

    def features(self, state: TdmpcState) -> Tensor:
        return state.latent

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0, device=self.device)

    def cells(self) -> list[nn.Module]:
        return [self.dynamics]

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c = self.config
        trains = ("encoder", "dynamics", "reward", "going_on", "policy", "values")
        rates = {"encoder": c.encoder_rate}
        return [Phase("world", self.loss, trains=trains, rates=rates, length=c.horizon + 1)]

    def loss(self, batch: Batch) -> Loss:
        """Losses [B], each the sum over steps that the module's picture shows."""
        c = self.config
        if self.training:  # once an update: towards the Q functions that the last one left
            follow(self.targets, self.values, c.target_rate)
        self.scales.update(batch)
        window = self._imagined(batch)
        latents, coming = window.latents[:, :-1], window.latents[:, 1:]
        pairs = torch.cat([latents, window.moves], -1).flatten(0, 1)
        reward = self._two_hot(self.reward(pairs)).loss(batch["reward"][:, 1:].flatten())
        target = self._target(batch, window.seen[:, 1:]).flatten().expand(c.members, -1)
        value = self._two_hot(self.values(pairs)).loss(target).mean(0)
        missed = (coming - window.seen[:, 1:]).square().mean(-1)
        by_step = {
            "consistency": c.consistency * missed,
            "reward": c.reward * reward.view_as(missed),
            "value": c.value * value.view_as(missed),
        }
        if c.ends:
            running = 1 - batch["is_terminal"][:, 1:].float()
            by_step["continue"] = c.ends * self._continue(coming).loss(running)
        losses = {k: (x * window.weight[:, 1:] / c.rho).mean(1) for k, x in by_step.items()}
        losses["policy"] = (self._regret(window) * window.weight).mean(1)
        return Loss(losses, self._starts(batch, window))

    def _imagined(self, batch: Batch) -> Window:
        """Encode all rows, and imagine from the first under the recorded actions."""
        first = self._encode({k: v[:, :1] for k, v in batch.items()})
        with torch.no_grad():
            later = self._encode({k: v[:, 1:] for k, v in batch.items()})
        moves = action_vector(batch["action"][:, :-1], self.specs["action"])
        latents = [first[:, 0]]
        for move in moves.unbind(1):
            latents.append(self.dynamics(torch.cat([latents[-1], move], -1)))
        same = ~batch["is_first"]
        same[:, 0] = True  # where the window begins, whatever came before
        steps = torch.arange(same.shape[1], device=same.device)
        weight = self.config.rho**steps * same.float().cumprod(1)
        seen = torch.cat([first.detach(), later], 1)
        return Window(torch.stack(latents, 1), seen, moves, weight)

    @torch.no_grad()
    def _target(self, batch: Batch, seen: Tensor) -> Tensor:
        """r + gamma * continue * the lower of two random target Q functions, [B, H] (eq. 4).

        seen: latents [B, H, L] of the rows that rewards arrive with.
        """
        flat = seen.flatten(0, 1)
        move, _ = self._drawn(flat)
        two = torch.randperm(self.config.members, device=flat.device)[:2]
        said = self._two_hot(self.targets(torch.cat([flat, move], -1), two)).mean.amin(0)
        running = 1 - batch["is_terminal"][:, 1:].float()
        return batch["reward"][:, 1:] + self.discount * running * said.view_as(running)

    def _regret(self, window: Window) -> Tensor:
        """Minus what the policy gains at every latent [B, H + 1], in units of the values' spread.

        Only the policy gets a gradient (eq. 5).
        """
        flat = window.latents.detach().flatten(0, 1)
        move, entropy = self._drawn(flat)
        two = torch.randperm(self.config.members, device=flat.device)[:2]
        said = self._two_hot(self.values(torch.cat([flat, move], -1), two, still=True))
        worth = said.mean.mean(0).view_as(window.weight)
        spread = self.spread.update(worth[:, 0].detach()) if self.training else self.spread.width
        return -(worth / spread + self.config.entropy * entropy.view_as(worth))

    def _starts(self, batch: Batch, window: Window) -> TdmpcState:
        """The last rows as states."""
        known = ~batch["is_first"][:, -1:]
        before, move = window.seen[:, -2] * known, window.moves[:, -1] * known
        return TdmpcState(window.seen[:, -1], before, move, batch["action"][:, -1])

    # -- parts -------------------------------------------------------------------------------------

    def _encode(self, batch: Batch) -> Tensor:
        """What was seen [B, T, ...] -> latents [B, T, L]."""
        flat = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        context = self.encoder.words(batch).flatten(0, 1)
        latent = self.encoder(self.scales(flat, self.encoder.keys), context)
        return latent.unflatten(0, batch["is_first"].shape)

    def _drawn(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """What the policy draws in latents [N, L]: moves [N, A], and its entropies [N]."""
        noise = torch.randn(len(latent), self.specs["action"].width, device=latent.device)
        return self.policy.drawn(self.policy(latent), noise)

    def _value(self, latent: Tensor) -> Mse:
        """What it is worth to go on as the policy would: the mean of two Q functions.

        The paper asks two at random; the first two are as good, and a verb draws no lots.
        """
        move = self.policy.likely(self.policy(latent))
        said = self._two_hot(self.values(torch.cat([latent, move], -1), slice(2)))
        return Mse(said.mean.mean(0), 0)

    def _continue(self, latent: Tensor) -> Bernoulli:
        return Bernoulli(self.going_on(latent).squeeze(-1))

    def _two_hot(self, logits: Tensor) -> TwoHot:
        span = self.config.span
        return TwoHot(logits, -span, span, geometric=True)


def _born(module: nn.Module) -> None:
    """The paper's initial weights."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
