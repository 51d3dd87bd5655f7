"""The recurrent state-space model behind PlaNet and Dreamer V1-V3 (Hafner et al. 2019-2023).

A deterministic path remembers, a stochastic one is corrected by what is seen::

    h_t = cell(h_{t-1}, z_{t-1}, a_{t-1})        imagine: z_t ~ prior(h_t)
    z_t ~ posterior(h_t, encoder(o_t))           observe: the posterior
    predictions = heads(h_t, z_t, instruction)

Gaussian or categorical latents, dense or block-diagonal cells: the papers are `PRESETS`.
The instruction is context: it conditions the heads and is carried along unchanged by `imagine`.
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
    zero_action,
)
from foreworld.families.latents import CategoricalLatent, GaussianLatent, balanced
from foreworld.families.rssm_config import PRESETS as PRESETS
from foreworld.families.rssm_config import RECIPES as RECIPES
from foreworld.families.rssm_config import RssmConfig as RssmConfig
from foreworld.families.scales import Scales
from foreworld.families.scoring import imagined_windows, score, score_all
from foreworld.nn.mlp import mlp, scale_output
from foreworld.nn.recurrent import GruCell
from foreworld.vocab import (
    Batch,
    Loss,
    Phase,
    Prediction,
    Specs,
    WorldModel,
    map_state,
)


class RssmState(NamedTuple):
    deter: Tensor  # [B, deter]
    stoch: Tensor  # [B, stoch] or [B, stoch * classes]
    context: Tensor  # [B, C] what was instructed
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Seen(NamedTuple):
    """Frames as the recurrent part takes them in."""

    embed: Tensor  # [B, (T,) E]
    look: Tensor  # [B, (T,) P] what each says of the posterior by itself

    def each(self) -> list[Seen]:
        """Instant by instant; cut apart at once: the gradient of `x[:, t]` is as large as x."""
        return [Seen(*pair) for pair in zip(self.embed.unbind(1), self.look.unbind(1), strict=True)]


class Rssm(WorldModel):
    """See the module's picture; shapes in `RssmState`."""

    Config = RssmConfig

    def __init__(self, specs: Specs, config: RssmConfig) -> None:
        super().__init__()
        self.specs = dict(specs)
        self.config = config
        self.scales = Scales({**specs, "reward": SCALAR})
        self.encoder = Encoder(specs, config.codec)
        self.words = Words(specs, config.codec)
        self.latent = (
            GaussianLatent(config.stoch, config.min_std)
            if config.latent == "gaussian"
            else CategoricalLatent(config.stoch, config.classes, config.unimix)
        )
        c, z = config, self.latent
        self.inward = mlp(z.size + specs["action"].width, None, c.hidden, 1)
        self.cell = GruCell(c.hidden, c.deter, c.blocks)
        self.prior = scale_output(mlp(c.deter, z.parameters, c.hidden, 1), 0.1)
        self.look = mlp(c.codec.embed, z.parameters, c.hidden, 1)  # what one frame says by itself
        self.posterior = scale_output(mlp(c.deter + c.codec.embed, z.parameters, c.hidden, 1), 0.1)
        self.instructed = Instructed(c.deter + z.size, self.words.size)
        self.predictor = Heads(specs, self.instructed.width, c.codec)
        self.heads = self.predictor.names

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> RssmState:
        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, device=self.device)

        action = zero_action(self.specs["action"], batch_size, self.device)
        c = self.config
        return RssmState(zeros(c.deter), zeros(self.latent.size), zeros(self.words.size), action)

    def observe(self, state: RssmState, batch: Batch) -> RssmState:
        seen, context_BTC = self._encode(batch)
        for t, frame in enumerate(seen.each()):
            state, _ = self._filter(state, frame, batch["is_first"][:, t], None)
            state = state._replace(context=context_BTC[:, t])
            if "action" in batch:
                state = state._replace(action=batch["action"][:, t])
        return state

    def imagine(self, state: RssmState, action: Tensor, noise: Tensor | None = None) -> RssmState:
        deter = self._advance(state.deter, state.stoch, action)
        stoch = self.latent.draw(self._prior(deter, state.stoch), noise)
        return RssmState(deter, stoch, state.context, torch.zeros_like(state.action))

    def predict(
        self, state: RssmState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        x = self.instructed(torch.cat([state.deter, state.stoch], -1), state.context)
        return self.predictor(x, self.scales, heads)

    def features(self, state: RssmState) -> Tensor:
        return torch.cat([state.deter, state.stoch], -1)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (batch_size, horizon, self.latent.chance)
        return torch.randn(shape, generator=generator).to(self.device)

    def cells(self) -> list[nn.Module]:
        return [self.inward, self.cell, self.prior, self.look, self.posterior]

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c, trains, rate = self.config, None, 1.0
        if c.freeze and c.see:
            trains = ("inward", "cell", "prior", "posterior", "instructed", "predictor")
            rate = 0.3  # at three times this every head of a frozen latent gets worse, not better
        phases = [
            Phase("frames", self.see, c.see, rate=2.0, length=1),  # as many scenes as fit
            Phase("dynamics", self.loss, 1 - c.see, trains, rate),
        ]
        return [phase for phase in phases if phase.share]

    def see(self, batch: Batch) -> Loss:
        """The loss of every frame as if it were the first: what is where, before how it moves.

        Through the latent of an untrained recurrent model the same takes several times as many
        updates (docs/log.md); the papers' presets train everything at once.
        """
        lead = batch["is_first"].shape
        frames = {k: v.flatten(0, 1).unsqueeze(1) for k, v in batch.items()}
        frames["is_first"] = torch.ones_like(frames["is_first"])
        self.scales.update(batch)
        states, posterior, prior = self._scan(frames)
        states = map_state(lambda x: x.squeeze(1).unflatten(0, lead), states)
        kl = self.latent.kl(posterior, prior).squeeze(1).unflatten(0, lead)
        losses = {"representation": self.config.kl_representation * kl}
        return Loss(losses | score_all(self, states, batch, self.config.decode), self.initial(1))

    def loss(self, batch: Batch) -> Loss:
        """KL between posterior and prior in both directions, and one loss a head; all [B, T]."""
        self.scales.update(batch)
        states, posterior, prior = self._scan(batch)
        c = self.config
        dynamics, representation = balanced(self.latent, posterior, prior, c.free_nats)
        losses = {
            "dynamics": c.kl_dynamics * dynamics,
            "representation": c.kl_representation * representation,
        }
        losses |= score_all(self, states, batch, c.decode)
        if c.overshoot and batch["is_first"].shape[1] > 1:
            futures, truth, alive = imagined_windows(
                self, states, batch, self._cheap, c.overshoot, c.overshoot_starts
            )
            scores = score(self.predict, futures, truth, self._cheap)
            losses |= {f"overshoot_{h}": (x * alive).mean(1) for h, x in scores.items()}
        if c.latent_overshoot:
            losses["overshoot_latent"] = self._latent_overshoot(states, posterior, batch)
        starts = map_state(lambda x: x[:, -c.imagine_last :].flatten(0, 1).detach(), states)
        return Loss(losses, starts)

    def _latent_overshoot(self, states: RssmState, posterior: Tensor, batch: Batch) -> Tensor:
        """KL [B * starts] of later posteriors, which stand still, from priors far ahead.

        PlaNet's equation 7, from some instants of each window and along the modes in between.
        """
        c = self.config
        truth = {**batch, "posterior": posterior.detach()}
        futures, truth, alive = imagined_windows(
            self, states, truth, ["posterior"], c.latent_overshoot, c.overshoot_starts
        )
        kl = self.latent.kl(truth["posterior"], self.prior(futures.deter)).clamp(c.free_nats)
        return c.kl_dynamics * (kl * alive).mean(1)

    def _scan(self, batch: Batch) -> tuple[RssmState, Tensor, Tensor]:
        """Posterior states [B, T, ...] with the parameters of posterior and prior [B, T, P]."""
        seen, context_BTC = self._encode(batch)
        size, length = context_BTC.shape[:2]
        state = self.initial(size)
        noise_BTK = torch.randn(size, length, self.latent.chance, device=self.device)
        deters, stochs, posteriors, befores = [], [], [], []
        for t, frame in enumerate(seen.each()):
            is_first = batch["is_first"][:, t]
            befores.append(state.stoch * ~is_first.unsqueeze(-1))
            state, posterior = self._filter(state, frame, is_first, noise_BTK[:, t])
            state = state._replace(action=batch["action"][:, t])
            deters.append(state.deter)
            stochs.append(state.stoch)
            posteriors.append(posterior)
        deter_BTD = torch.stack(deters, 1)
        states = RssmState(deter_BTD, torch.stack(stochs, 1), context_BTC, batch["action"])
        return states, torch.stack(posteriors, 1), self._prior(deter_BTD, torch.stack(befores, 1))

    # -- parts -------------------------------------------------------------------------------------

    @property
    def _cheap(self) -> list[str]:
        specs = self.specs
        return [h for h in self.heads if h not in specs or specs[h].kind != "image"]

    def _encode(self, batch: Batch) -> tuple[Seen, Tensor]:
        """What is seen [B, T, ...], all instants at once, and the instructions [B, T, C]."""
        flat = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        embed = self.encoder(self.scales(flat, self.encoder.keys))
        lead = batch["is_first"].shape
        seen = Seen(embed.unflatten(0, lead), self.look(embed).unflatten(0, lead))
        return seen, self.words(batch)

    def _advance(self, deter: Tensor, stoch: Tensor, action: Tensor) -> Tensor:
        vector = action_vector(action, self.specs["action"])
        return self.cell(self.inward(torch.cat([stoch, vector], -1)), deter)

    def _prior(self, deter: Tensor, before: Tensor) -> Tensor:
        """Parameters of what comes next; with `residual`, as a change of the latent before."""
        parameters = self.prior(deter)
        if not self.config.residual:
            return parameters
        mean, raw = parameters.chunk(2, -1)
        return torch.cat([before + mean, raw], -1)

    def _filter(
        self, state: RssmState, seen: Seen, is_first: Tensor, noise: Tensor | None
    ) -> tuple[RssmState, Tensor]:
        """One real step: forget where an episode begins, advance, correct."""
        keep = ~is_first
        state = map_state(lambda x: x * keep.view(-1, *[1] * (x.ndim - 1)), state)
        deter = self._advance(state.deter, state.stoch, state.action)
        posterior = seen.look + self.posterior(torch.cat([deter, seen.embed], -1))
        stoch = self.latent.draw(posterior, noise)
        return RssmState(deter, stoch, state.context, torch.zeros_like(state.action)), posterior
