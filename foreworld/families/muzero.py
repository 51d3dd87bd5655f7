"""MuZero: a model of nothing but rewards, values and choices (Schrittwieser et al. 2020).

    s_0 = h(o_t)                            representation
    r_k, s_k = g(s_{k-1}, a_{t+k-1})        dynamics
    p_k, v_k = f(s_k)                       prediction: policy and value

    loss = sum over k of  l(r_{t+k}) + w l(z_{t+k}) + l(pi_{t+k})                          (eq. 1)

z: n rewards and then the value that a search found, or that the model says; pi: what a search
would do, or, where none was asked, what was done. Searches are `planners.mcts`, the targets are
put into batches by the learner `search`.

Differences from the paper: one instant is seen, no history; latents foretell the latents that are
seen later (EfficientZero, Ye et al. 2021; without: consistency=0); actions may be continuous, then
the policy is a Gaussian and no tree is grown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from foreworld.binned import Support, contract
from foreworld.families.codec import (
    DiscreteHead,
    VectorHead,
    action_vector,
    check_heads,
    zero_action,
)
from foreworld.families.muzero_config import PRESETS as PRESETS
from foreworld.families.muzero_config import RECIPES as RECIPES
from foreworld.families.muzero_config import MuzeroConfig as MuzeroConfig
from foreworld.families.muzero_nets import BoardNets, SupportHead, VectorNets, centred
from foreworld.families.scales import Scales
from foreworld.nn.mlp import mlp
from foreworld.outputs import Categorical
from foreworld.vocab import LEGAL, Batch, Loss, Prediction, Specs, WorldModel, map_state

HEADS = ("reward", "value", "policy")
CERTAIN = 20.0  # logit of what was seen


class MuzeroState(NamedTuple):
    latent: Tensor  # [B, D] in [0, 1]
    reward: Tensor  # [B, bins] what arrived with it, as logits; all 0 where it was seen
    legal: Tensor  # [B, L] which actions are allowed, as seen; all, once imagined; L = 0: not shown
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Future(NamedTuple):
    """What K imagined steps from S rows of each window are compared with; k is first."""

    rows: Tensor  # [K + 1, S] of the window
    reward: Tensor  # [K + 1, B, S]
    value: Tensor  # [K + 1, B, S]
    counts: Tensor  # [K + 1, B, S] for reward and value
    there: Tensor  # [K + 1, B, S] for what is seen: the episode goes so far
    plays: Tensor  # [K + 1, B, S] for the policy: and further


class Muzero(WorldModel):
    """See the module's picture; shapes in `MuzeroState`."""

    Config = MuzeroConfig

    def __init__(self, specs: Specs, config: MuzeroConfig) -> None:
        super().__init__()
        self.specs, self.config, c = dict(specs), config, config
        self.discount = c.discount
        self.scales = Scales(specs)
        self.nets = (BoardNets if c.net == "board" else VectorNets)(specs, c)
        self.torso = mlp(self.nets.width, None, c.hidden, c.layers)
        self.value = SupportHead(c.hidden, c.bins)
        self.reward = SupportHead(self.nets.told, c.bins)
        head = DiscreteHead if specs["action"].classes else VectorHead
        self.policy = head(specs["action"], c.hidden, replace(c.codec, layers=0))
        self.reach = float(contract(torch.tensor(c.reach)))
        self.foresee = mlp(self.nets.size, self.nets.size, c.hidden, 1)
        self.shows_legal = LEGAL in specs
        self.heads = (*HEADS, LEGAL) if self.shows_legal else HEADS

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> MuzeroState:
        latent = torch.zeros(batch_size, self.nets.size, device=self.device)
        action = zero_action(self.specs["action"], batch_size, self.device)
        return MuzeroState(latent, self._untold(latent), self._all_legal(latent), action)

    def observe(self, state: MuzeroState, batch: Batch) -> MuzeroState:
        newest = {k: v[:, -1:] for k, v in batch.items()}
        seen = map_state(lambda x: x.squeeze(1), self._represent(newest))
        action = batch["action"][:, -1] if "action" in batch else torch.zeros_like(state.action)
        return seen._replace(action=action)

    def imagine(
        self, state: MuzeroState, action: Tensor, noise: Tensor | None = None
    ) -> MuzeroState:
        vector = action_vector(action, self.specs["action"])
        latent, told = self.nets.advance(state.latent, vector)
        legal, none = self._all_legal(latent), torch.zeros_like(state.action)
        return MuzeroState(latent, self.reward(told), legal, none)

    def predict(
        self, state: MuzeroState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        x = self._read(state.latent)
        return {h: self._head(h, x, state) for h in (self.heads if heads is None else heads)}

    def features(self, state: MuzeroState) -> Tensor:
        return state.latent

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0, device=self.device)  # nothing is left to chance

    # -- training ----------------------------------------------------------------------------------

    def loss(self, batch: Batch) -> Loss:
        """Losses [B, S] of K steps imagined from every row of the windows that K more follow.

        batch: may have `search_policy` [B, T, A] and `search_value` [B, T].
        """
        self.scales.update(batch)
        seen = self._represent(batch)
        future = self._future(batch, self._value_targets(batch, seen.latent))
        latents, told = self._unrolled(seen.latent, batch["action"], future.rows)
        x, lead = self._read(latents), future.counts.shape
        value = self._support(self.value(x)).loss(future.value.flatten()).view(lead)
        reward = self._support(self.reward(told)).loss(future.reward[1:].flatten())
        policy = self._policy_loss(x, batch, future).view(lead)
        losses = {
            "unrolled_reward": (reward.view(value[1:].shape) * future.counts[1:]).mean(0),
            "unrolled_value": self.config.value_weight * over_steps(value * future.counts),
            "unrolled_policy": over_steps(policy * future.plays),
        }
        if self.config.consistency:
            losses["consistency"] = self._consistency(latents, seen.latent, future)
        last = map_state(lambda x: x[:, -1].detach(), seen)
        return Loss(losses, last._replace(action=torch.zeros_like(last.action)))

    def _unrolled(self, seen: Tensor, action: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """K steps on from latents [B, T, D]: [(K + 1) * B * S, D], and what tells their rewards."""
        latents, told = [at(seen, rows)[0].flatten(0, 1)], []
        for done in at(action, rows[:-1]):
            vector = action_vector(done.flatten(0, 1), self.specs["action"])
            latent, tells = self.nets.advance(halved(latents[-1]), vector)
            latents.append(latent)
            told.append(tells)
        return torch.cat(latents), torch.cat(told)

    def _consistency(self, latents: Tensor, seen: Tensor, future: Future) -> Tensor:
        """How far imagined latents are from foretelling those seen then [B, S], from 0 to 2."""
        there = at(seen, future.rows[1:]).detach()
        imagined = latents.view(len(future.rows), *there.shape[1:])[1:]
        near = F.cosine_similarity(self.foresee(centred(imagined)), centred(there), dim=-1)
        return self.config.consistency * (future.there[1:] * (1 - near)).mean(0)

    def _policy_loss(self, x: Tensor, batch: Batch, future: Future) -> Tensor:
        said = self._policy(x)
        if "search_policy" in batch and isinstance(said, Categorical):
            target = at(batch["search_policy"], future.rows).flatten(0, 2)
            return -(target * said.logits.log_softmax(-1)).sum(-1)
        return said.loss(at(batch["action"], future.rows).flatten(0, 2))

    def _future(self, batch: Batch, value: Tensor) -> Future:
        """The targets of every row of the windows that `unroll` more follow.

        Where an episode ended, nothing can be won any more (absorbing states: reward and value 0);
        where only the clock ran out, nothing is known.
        """
        length = value.shape[1]
        steps = min(self.config.unroll, length - 1)
        rows = torch.arange(steps + 1)[:, None] + torch.arange(length - steps)
        first, last, dead = (at(batch[k], rows) for k in ("is_first", "is_last", "is_terminal"))
        over = [torch.zeros_like(first[0])]
        absorbed = [over[0]]
        for k in range(1, steps + 1):
            begins = first[k] & ~over[-1]
            absorbed.append(torch.where(begins, dead[k - 1], absorbed[-1]))
            over.append(over[-1] | first[k])
        gone = torch.stack(over)
        reward = at(batch["reward"].float(), rows).masked_fill(gone, 0.0)
        value = at(value, rows).masked_fill(gone, 0.0)
        counts = ~gone | torch.stack(absorbed)
        return Future(rows, reward, value, counts, ~gone, ~gone & ~last)

    @torch.no_grad()
    def _value_targets(self, batch: Batch, latent: Tensor) -> Tensor:
        """z_t [B, T]: up to n discounted rewards, then the value of what follows, 0 after the end.

        Windows and episodes end sooner: then that many rewards.
        """
        after = batch.get("search_value")
        if after is None:
            flat = self._read(latent.flatten(0, 1))
            after = self._support(self.value(flat)).mean.unflatten(0, latent.shape[:2])
        after = after.masked_fill(batch["is_terminal"], 0.0)
        discount = -self.discount if self.specs["action"].turns else self.discount
        reward, goes_on = batch["reward"].float()[:, 1:], ~batch["is_last"][:, :-1]
        found = after
        for _ in range(min(self.config.bootstrap, reward.shape[1])):
            further = reward + discount * found[:, 1:]
            found = torch.cat([torch.where(goes_on, further, after[:, :-1]), after[:, -1:]], 1)
        return found

    # -- parts -------------------------------------------------------------------------------------

    def _represent(self, batch: Batch) -> MuzeroState:
        """The state of every row by itself, leaves [B, T, ...]."""
        lead = batch["is_first"].shape
        flat = {k: v.flatten(0, 1) for k, v in batch.items()}
        seen = self.scales(flat, self.nets.keys)
        latent = self.nets.represent(seen, {k: v.unsqueeze(1) for k, v in flat.items()})
        legal = flat[LEGAL].float() if self.shows_legal else self._all_legal(latent)
        action = flat.get("action", latent[:, 0])
        states = MuzeroState(latent, self._untold(latent), legal, action)
        return map_state(lambda x: x.unflatten(0, lead), states)

    def _untold(self, latent: Tensor) -> Tensor:
        return latent.new_zeros(len(latent), self.config.bins)

    def _all_legal(self, latent: Tensor) -> Tensor:
        width = self.specs[LEGAL].shape[0] if self.shows_legal else 0
        return latent.new_ones(len(latent), width)

    def _read(self, latent: Tensor) -> Tensor:
        """What the last layers of all heads see [B, hidden]."""
        return self.torso(self.nets.read(latent))

    def _support(self, logits: Tensor) -> Support:
        return Support(logits, -self.reach, self.reach)

    def _policy(self, x: Tensor) -> Prediction:
        return self.policy(x, self.scales.get("action"))

    def _head(self, name: str, x: Tensor, state: MuzeroState) -> Prediction:
        if name == LEGAL:
            sure = CERTAIN * (2 * state.legal - 1)
            return Categorical(torch.stack([-sure, sure], -1).flatten(-2), (2,) * sure.shape[-1])
        if name == "reward":
            return self._support(state.reward)
        return self._policy(x) if name == "policy" else self._support(self.value(x))


def over_steps(x: Tensor) -> Tensor:
    """[K + 1, B, S] -> [B, S]: all imagined steps count as much as the first (appendix G)."""
    return x[0] + x[1:].mean(0)


def at(x: Tensor, rows: Tensor) -> Tensor:
    """Rows [K, S] of windows [B, T, ...] -> [K, B, S, ...]."""
    return x[:, rows].movedim(1, 0)


def halved(latent: Tensor) -> Tensor:
    """The same, with half the gradient: each step back counts half (MuZero, appendix G)."""
    return 0.5 * latent + 0.5 * latent.detach()
