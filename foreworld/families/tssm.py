"""A transformer that dreams: the world model of STORM (Zhang et al. 2023), after TWM and IRIS.

One token says what was seen and what was done; h is what a causal transformer makes of the latest::

    z_t ~ posterior(encoder(o_t))                    eq. 1, from one frame alone
    e_t = mix(z_t, a_t)                              eq. 2
    h_t = transformer(e_{t-W} … e_{t-1})             eq. 2; nothing before, h = 0
    z_t ~ prior(h_t),  reward and continue from h_t  eq. 3; seen keys are decoded from z_t

No posterior waits for the step before, so that `observe` and training are parallel over time, and
`imagine` adds one token to keys and values it kept (`nn.sliding`): a constant cost however long the
dream, and a state of constant size.

Beyond the paper: relative positions and a sliding window in place of 64 numbered places, blocks
that normalise first, no dropout, KL clipped row by row as in Dreamer V3 (the paper clips its mean),
heads as the other families have them. Targets that are never seen are read from z and h together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.families.codec import (
    SCALAR,
    Encoder,
    Heads,
    Instructed,
    Words,
    action_vector,
    check_heads,
    seen_keys,
    zero_action,
)
from foreworld.families.latents import CategoricalLatent, balanced
from foreworld.families.scales import Scales
from foreworld.families.scoring import score_all
from foreworld.families.tssm_config import PRESETS as PRESETS
from foreworld.families.tssm_config import RECIPES as RECIPES
from foreworld.families.tssm_config import TssmConfig as TssmConfig
from foreworld.families.windows import counted
from foreworld.nn.mlp import mlp
from foreworld.nn.running import running_max
from foreworld.nn.sliding import Ring, SlidingTransformer
from foreworld.vocab import (
    Batch,
    Loss,
    Prediction,
    Specs,
    WorldModel,
    map_state,
    target_keys,
)

OUTCOMES = ("reward", "continue")


class TssmState(NamedTuple):
    hidden: Tensor  # [B, width] what the transformer made of the tokens before
    stoch: Tensor  # [B, stoch * classes]
    ring: Ring | None  # keys and values of those tokens; None in states that are only to be read
    context: Tensor  # [B, C] what was instructed
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Scanned(NamedTuple):
    """Rows [B, T] taken in at once."""

    states: TssmState  # without rings
    posterior: Tensor  # [B, T, P]
    tokens: Tensor  # [B, T] how many led to each row
    kept: list[Tensor]  # keys and values, see `SlidingTransformer.scan`


class Tssm(WorldModel):
    """See the module's picture; shapes in `TssmState`."""

    Config = TssmConfig
    caches = ("ring",)

    def __init__(self, specs: Specs, config: TssmConfig) -> None:
        super().__init__()
        self.specs = dict(specs)
        self.config = config
        c = config
        self.scales = Scales({**specs, "reward": SCALAR})
        self.encoder = Encoder(specs, c.codec)
        self.words = Words(specs, c.codec)
        self.latent = CategoricalLatent(c.stoch, c.classes, c.unimix)
        self.posterior = nn.Linear(c.codec.embed, self.latent.parameters)
        inputs = self.latent.size + specs["action"].width
        self.mix = nn.Sequential(*mlp(inputs, c.width, c.width, 1), nn.LayerNorm(c.width))
        self.transformer = SlidingTransformer(c.width, c.depth, c.heads, c.window)
        self.prior = nn.Linear(c.width, self.latent.parameters)
        seen = seen_keys(specs)
        hidden = [k for k in target_keys(specs) if k not in seen and specs[k].kind != "text"]
        self.views = Heads(specs, self.latent.size, c.codec, seen)
        self.instructed = Instructed(c.width, self.words.size)
        self.outcomes = Heads(specs, self.instructed.width, c.codec, OUTCOMES)
        self.instructed_both = Instructed(c.width + self.latent.size, self.words.size)
        self.targets = Heads(specs, self.instructed_both.width, c.codec, hidden)
        self.heads = (*seen, *hidden, *OUTCOMES)

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> TssmState:
        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, device=self.device)

        action = zero_action(self.specs["action"], batch_size, self.device)
        ring = self.transformer.empty(batch_size)
        hidden, stoch = zeros(self.config.width), zeros(self.latent.size)
        return TssmState(hidden, stoch, ring, zeros(self.words.size), action)

    def observe(self, state: TssmState, batch: Batch) -> TssmState:
        return map_state(lambda x: x[:, -1], self._states(self._scan(state, batch, None), 1))

    def imagine(self, state: TssmState, action: Tensor, noise: Tensor | None = None) -> TssmState:
        if state.ring is None:
            raise ValueError(
                "this state is only to be read, as those of `rollout` are: go on from what "
                "`observe` or `imagine` gave"
            )
        token = self._token(state.stoch, action)
        hidden, ring = self.transformer.step(token, state.ring)
        stoch = self.latent.draw(self.prior(hidden), noise)
        return TssmState(hidden, stoch, ring, state.context, torch.zeros_like(state.action))

    def predict(
        self, state: TssmState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        wanted = self.heads if heads is None else heads
        told = self.instructed(state.hidden, state.context)
        both = self.instructed_both(self.features(state), state.context)
        inputs = ((self.views, state.stoch), (self.targets, both), (self.outcomes, told))
        said = {}
        for group, x in inputs:
            said |= group(x, self.scales, [h for h in wanted if h in group.names])
        return said

    def features(self, state: TssmState) -> Tensor:
        return torch.cat([state.hidden, state.stoch], -1)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (batch_size, horizon, self.latent.chance)
        return torch.randn(shape, generator=generator).to(self.device)

    def cells(self) -> list[nn.Module]:
        return [self.mix, self.prior, *self.transformer.blocks]

    # -- training ----------------------------------------------------------------------------------

    def loss(self, batch: Batch) -> Loss:
        """KL between posterior and prior in both directions (eq. 5), and one loss a head; [B, T].

        Where a window begins nothing is known, in the middle of an episode, too: no prior is asked.
        """
        self.scales.update(batch)
        begun = torch.zeros_like(batch["is_first"])
        begun[:, 0] = True
        batch = {**batch, "is_first": batch["is_first"] | begun}
        size, length = begun.shape
        noise_BTK = torch.randn(size, length, self.latent.chance, device=self.device)
        scanned = self._scan(self.initial(size)._replace(ring=None), batch, noise_BTK)
        c, prior = self.config, self.prior(scanned.states.hidden)
        dynamics, representation = balanced(self.latent, scanned.posterior, prior, c.free_nats)
        asked = scanned.tokens > 0
        losses = {
            "dynamics": c.kl_dynamics * dynamics * asked,
            "representation": c.kl_representation * representation * asked,
        }
        losses |= score_all(self, scanned.states, batch, c.decode)
        starts = self._states(scanned, min(c.imagine_last, length))
        return Loss(losses, map_state(lambda x: x.flatten(0, 1).detach(), starts))

    # -- parts -------------------------------------------------------------------------------------

    def _scan(self, state: TssmState, batch: Batch, noise: Tensor | None) -> Scanned:
        """All rows at once, after `state`; noise: [B, T, K] of the posteriors."""
        flat = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        is_first = batch["is_first"]
        embed = self.encoder(self.scales(flat, self.encoder.keys)).unflatten(0, is_first.shape)
        posterior = self.posterior(embed)
        stoch = self.latent.draw(posterior, noise)
        action = batch.get("action")
        if action is None:  # as when acting: it is chosen afterwards
            action = zero_action(self.specs["action"], is_first.numel(), self.device)
            action = action.unflatten(0, is_first.shape)
        before = torch.cat([state.stoch.unsqueeze(1), stoch[:, :-1]], 1)
        chosen = torch.cat([state.action.unsqueeze(1), action[:, :-1]], 1)
        past = torch.zeros_like(is_first[:, 0].long()) if state.ring is None else state.ring.seen
        # A first row has no tokens behind it; what led to it belongs to another episode.
        tokens = counted(past, is_first) - running_max(is_first.long())
        hidden, kept = self.transformer.scan(self._token(before, chosen), tokens, state.ring)
        hidden = hidden * (tokens > 0).unsqueeze(-1)
        states = TssmState(hidden, stoch, None, self.words(batch), action)
        return Scanned(states, posterior, tokens, kept)

    def _states(self, scanned: Scanned, last: int) -> TssmState:
        """The `last` states, [B, last, ...], from which one can imagine."""
        states = map_state(lambda x: x[:, -last:], scanned.states)
        return states._replace(ring=self.transformer.rings(scanned.kept, scanned.tokens, last))

    def _token(self, stoch: Tensor, action: Tensor) -> Tensor:
        return self.mix(torch.cat([stoch, action_vector(action, self.specs["action"])], -1))
