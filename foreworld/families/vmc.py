"""V, M and C: a world model learned in turns (Ha & Schmidhuber 2018, "World Models").

::

    V  z_t ~ N(mean, std)(encoder(o_t))                   an autoencoder of single frames
    M  h_t, c_t = lstm([z_{t-1}, a_{t-1}], h_{t-1}, c_{t-1})
       z_t ~ every number from K Gaussians of its own, by h_t      reward_t, continue_t = heads(h_t)
    C  a_t = linear(z_t, h_t, c_t)                        a learner's, such as `evolution`

V learns first, then M on what a V that stands still says, then C in M's dreams. A dream may be
wilder than the world: `temper` divides the mixtures' logits by a temperature, and multiplies their
variances by it, which keeps C from living off what M gets wrong (section 4.3 of the paper).

Beyond the paper: M may forecast how z changes (`residual`), it forecasts rewards, and is not asked
what the world looks like where it ends; the end counts by its probability, and none of its
instances counts more than another; acting and observing take V's mean. Images are read and drawn
by the house's networks. Words are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import (
    SCALAR,
    Encoder,
    Heads,
    action_vector,
    check_heads,
    zero_action,
)
from foreworld.families.scales import Scales
from foreworld.families.scoring import score, some_instants
from foreworld.families.vmc_config import PRESETS as PRESETS
from foreworld.families.vmc_config import RECIPES as RECIPES
from foreworld.families.vmc_config import VmcConfig as VmcConfig
from foreworld.outputs import Mixture
from foreworld.vocab import (
    Batch,
    Loss,
    Phase,
    Prediction,
    Specs,
    WorldModel,
    map_state,
    target_keys,
)

OUTCOMES = ("reward", "continue")


class VmcState(NamedTuple):
    z: Tensor  # [B, Z] what is seen, or dreamt
    h: Tensor  # [B, H] what M foresaw it by
    c: Tensor  # [B, H] M's cell
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Frame(NamedTuple):
    """What V alone knows of an instant."""

    z: Tensor  # [B, (T,) Z]


class Vmc(WorldModel):
    """See the module's picture; shapes in `VmcState`."""

    Config = VmcConfig

    def __init__(self, specs: Specs, config: VmcConfig) -> None:
        super().__init__()
        self.specs = dict(specs)
        self.config = c = config
        self.scales = Scales({**specs, "reward": SCALAR})
        self.encoder = Encoder(specs, c.codec)
        self.posterior = nn.Linear(c.codec.embed, 2 * c.latent)
        keys = [k for k in target_keys(specs) if specs[k].kind != "text"]
        self.views = Heads(specs, c.latent, c.codec, keys)
        self.cell = nn.LSTMCell(c.latent + specs["action"].width, c.memory)
        self.forecast = nn.Linear(c.memory, 3 * c.mixtures * c.latent)
        self.outcomes = Heads(specs, c.memory, c.codec, OUTCOMES)
        self.heads = (*keys, *OUTCOMES)

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> VmcState:
        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, device=self.device)

        c, action = self.config, zero_action(self.specs["action"], batch_size, self.device)
        return VmcState(zeros(c.latent), zeros(c.memory), zeros(c.memory), action)

    def observe(self, state: VmcState, batch: Batch) -> VmcState:
        z_BTZ, _ = self._see(batch)
        return map_state(lambda x: x[:, -1], self._remember(state, z_BTZ, batch))

    def imagine(self, state: VmcState, action: Tensor, noise: Tensor | None = None) -> VmcState:
        vector = action_vector(action, self.specs["action"])
        h, c = self.cell(torch.cat([state.z, vector], -1), (state.h, state.c))
        coming = self._coming(h, state.z)
        z = coming.mode if noise is None else coming.sample(noise)
        return VmcState(z, h, c, torch.zeros_like(state.action))

    def predict(self, state: VmcState, heads: Sequence[str] | None = None) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        wanted = self.heads if heads is None else heads
        outcomes = self.outcomes(state.h, self.scales, [h for h in wanted if h in OUTCOMES])
        views = self.views(state.z, self.scales, [h for h in wanted if h not in OUTCOMES])
        return views | outcomes

    def features(self, state: VmcState) -> Tensor:
        """What C sees: [z, h], or [z, h, c]."""
        parts = [state.z, state.h, *([state.c] if self.config.cell else [])]
        return torch.cat(parts, -1)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        """For each number of the latent K standard Gumbel numbers, then a standard normal one."""
        c, generator = self.config, torch.Generator().manual_seed(seed)
        lead = (batch_size, horizon, c.latent)
        gumbel = -torch.empty(*lead, c.mixtures).exponential_(generator=generator).log()
        normal = torch.randn(*lead, 1, generator=generator)
        return torch.cat([gumbel, normal], -1).flatten(2).to(self.device)

    def temper(self, noise: Tensor, temperature: float) -> Tensor:
        """Section 4.3: logits / temperature, which is Gumbel noise times it; std * its root."""
        pairs = noise.unflatten(-1, (self.config.latent, -1))
        gumbel, normal = pairs[..., :-1], pairs[..., -1:]
        return torch.cat([temperature * gumbel, temperature**0.5 * normal], -1).flatten(-2)

    def cells(self) -> list[nn.Module]:
        return [self.cell, self.forecast]

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c = self.config
        phases = [
            Phase("vision", self.see, c.see, ("encoder", "posterior", "views"), length=1),
            Phase("memory", self.loss, 1 - c.see - c.control, ("cell", "forecast", "outcomes")),
            Phase("controller", self.loss, c.control, ()),
        ]
        return [phase for phase in phases if phase.share]

    def see(self, batch: Batch) -> Loss:
        """V: what a draw from the posterior says of the frame [B', 1], and its KL from N(0, 1)."""
        self.scales.update(batch)
        if self.config.share < 1:
            first = Frame(batch["is_first"])
            _, batch = some_instants(first, batch, self.config.share)
        mean, log_variance = self._see(batch)
        z = _draw(mean, log_variance)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)

        def look(frame: Frame, heads: Sequence[str] | None) -> dict[str, Prediction]:
            return self.views(frame.z, self.scales, heads)

        losses = score(look, Frame(z), batch, self.views.names)
        losses["kl"] = kl.clamp(self.config.free_nats * self.config.latent)
        return Loss(losses, self.initial(1))

    def loss(self, batch: Batch) -> Loss:
        """M: minus the log-likelihood of what V says [B, T], a mean over its numbers; outcomes."""
        with torch.no_grad():
            z_BTZ = _draw(*self._see(batch))
        states = self._remember(self.initial(len(z_BTZ)), z_BTZ, batch)
        begins = F.pad(batch["is_first"][:, 1:], (1, 0), value=True)  # a window begins unforeseen
        before = F.pad(z_BTZ[:, :-1], (0, 0, 1, 0))
        foreseen = self._coming(states.h, before).loss(z_BTZ) / self.config.latent
        losses = {"memory": foreseen * ~(begins | batch["is_terminal"])}
        outcomes = score(self.predict, states, batch, OUTCOMES)
        losses |= {k: self.config.outcome * v for k, v in outcomes.items()}
        last = self.config.imagine_last
        return Loss(losses, map_state(lambda x: x[:, -last:].flatten(0, 1).detach(), states))

    # -- parts -------------------------------------------------------------------------------------

    def _see(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log variance [B, T, Z] of what V says, all instants at once."""
        flat = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        embed = self.encoder(self.scales(flat, self.encoder.keys))
        mean, log_variance = (
            self.posterior(embed).unflatten(0, batch["is_first"].shape).chunk(2, -1)
        )
        return mean, log_variance

    def _remember(self, state: VmcState, z_BTZ: Tensor, batch: Batch) -> VmcState:
        """The states [B, T] of all rows; M begins anew where an episode does."""
        spec, size = self.specs["action"], z_BTZ.shape[:2]
        action = batch.get("action")
        if action is None:
            action = torch.zeros(*size, *spec.shape, dtype=state.action.dtype, device=z_BTZ.device)
        z = torch.cat([state.z.unsqueeze(1), z_BTZ[:, :-1]], 1)
        chosen = torch.cat([state.action.unsqueeze(1), action[:, :-1]], 1)  # led to each row
        inputs = torch.cat([z, action_vector(chosen, spec)], -1)
        h, c, hs, cs = state.h, state.c, [], []
        for t, first in enumerate(batch["is_first"].unbind(1)):
            h, c = self.cell(inputs[:, t], (h, c))
            h, c = (torch.where(first.unsqueeze(-1), 0.0, x) for x in (h, c))
            hs.append(h)
            cs.append(c)
        return VmcState(z_BTZ, torch.stack(hs, 1), torch.stack(cs, 1), action)

    def _coming(self, h: Tensor, before: Tensor) -> Mixture:
        """What follows `before` [..., Z], by M's output [..., H]."""
        parts = self.forecast(h).unflatten(-1, (3, self.config.latent, self.config.mixtures))
        logits, mean, log_std = parts.unbind(-3)
        if self.config.residual:
            mean = mean + before.unsqueeze(-1)
        return Mixture(logits, mean, log_std.clamp(-5, 3).exp())


def _draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
