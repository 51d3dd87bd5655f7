"""A world learned from video alone, steered by a handful of actions that it finds for itself.

After Genie (Bruce et al. 2024): what is done is found first, then a world is learned that obeys::

    u_t = inverse(o_{<=t}, o_{t+1}),  c_t = nearest code to u_t     `genie_finder`, `genie_codes`
    o_{t+1} ~ forward(o_{<=t}, c_t)                                  what makes codes mean something
    state' = imagine(state, c_t)                                     a `rssm` that is told codes

Only a few bits lead from o_{t+1} to what is said of it, so they tell what could not be foreseen: in
a video of one hand at work, what the hand did. The model's own action is the number of a code, and
whoever plays, plans or exports meets a world with so many actions. `own` reads them off a batch.
Where actions were recorded, a share of them may be read (`labels`): then the model's actions are
the world's, and codes explain the rest of the video.

Codes follow what changes most. Where something else moves, too, they may follow that, no loss tells
(LAOM, Nikulin et al. 2025), and `diagnose` raises the alarm: see `genie_diagnosis`.

Beyond Genie: convolutions and a recurrent world of constant size in place of transformers over
tokens, and pooled motion in place of one code a frame made of patches. Unit codes and the revival
of forgotten ones are those of jasmine (2025). LAPO (Schmidt & Jiang 2024) reads labels afterwards;
here they shape codes while they are found, as in LAOM, whose continuous codes, augmentations and
targets in latent space are left out. Changing pixels count more: MaskLAM's idea (2026) with a mask
that nobody has to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import zero_action
from foreworld.families.genie_codes import Codebook, Naming, labelled
from foreworld.families.genie_config import PRESETS as PRESETS
from foreworld.families.genie_config import RECIPES as RECIPES
from foreworld.families.genie_config import GenieConfig as GenieConfig
from foreworld.families.genie_diagnosis import diagnose_codes
from foreworld.families.genie_finder import Finder, Steps
from foreworld.families.rssm import Rssm, RssmState
from foreworld.nn.running import running_max
from foreworld.vocab import (
    RECORDED,
    Batch,
    Diagnosis,
    Loss,
    Phase,
    Prediction,
    Spec,
    Specs,
    WorldModel,
)

Instants = Mapping[str, Tensor]


class GenieState(NamedTuple):
    action: Tensor  # [B, ...] the action chosen here, zeros until then
    dream: RssmState  # [B, ...] of the world that is told codes
    past: tuple[Tensor, ...] | None  # [B, P, ...] what was seen last, by key; for `observe` only


class Genie(WorldModel):
    """See the module's picture; shapes in `GenieState`."""

    Config = GenieConfig
    caches = ("past",)

    def __init__(self, specs: Specs, config: GenieConfig) -> None:
        super().__init__()
        self.config = c = config
        given = specs["action"]
        if c.labels and not given.width:
            raise ValueError(
                f"labels={c.labels}, but no actions were recorded: set labels=0, and the codes are "
                "the actions"
            )
        own = Spec((), "int64", "discrete", classes=(c.codes,))
        self.specs = {**specs, "action": given if c.labels else own}
        told = Spec((c.code,), "float32", "vector", low=-1.0, high=1.0)
        self.finder = Finder(specs, c.past, c.channels, c.hidden, c.code)
        self.codebook = Codebook(c.codes, c.code, c.patience)
        self.naming = Naming(given, self.codebook, c.hidden) if c.labels else None
        self.dynamics = Rssm({**specs, "action": told}, c.dynamics)
        self.heads = self.dynamics.heads

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> GenieState:
        action = zero_action(self.specs["action"], batch_size, self.device)
        past = self._nothing(batch_size) if self.naming is None else ()
        return GenieState(action, self.dynamics.initial(batch_size), past)

    def observe(self, state: GenieState, batch: Batch) -> GenieState:
        """Actions of ours in the batch are taken at their word; without any, codes are read."""
        action = batch.get("action")
        lead = batch["is_first"].shape
        given = self.naming is not None or (action is not None and self._ours(action))
        if action is None or not given:
            action = torch.zeros_like(state.action).unsqueeze(1).repeat_interleave(lead[1], 1)
        chosen = torch.cat([state.action.unsqueeze(1), action[:, :-1]], 1)  # led to each row
        past: tuple[Tensor, ...] | None = ()
        if self.naming is None:
            frames = self._frames(state.past or self._nothing(lead[0]), batch)
            past = self._latest(frames, batch["is_first"])
            if not given:
                steps = self._steps(frames, batch["is_first"])
                chosen = chosen.index_put((steps.row, steps.t), self._read(steps))
        told = self._heard(chosen)
        dream = state.dream._replace(action=told[:, 0])
        following = torch.cat([told[:, 1:], torch.zeros_like(told[:, :1])], 1)
        dream = self.dynamics.observe(dream, {**batch, "action": following})
        return GenieState(action[:, -1], dream, past)

    def imagine(self, state: GenieState, action: Tensor, noise: Tensor | None = None) -> GenieState:
        dream = self.dynamics.imagine(state.dream, self._heard(action), noise)
        past = state.past and tuple(torch.zeros_like(x) for x in state.past)
        return GenieState(torch.zeros_like(state.action), dream, past)

    def predict(
        self, state: GenieState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        return self.dynamics.predict(state.dream, heads)

    def features(self, state: GenieState) -> Tensor:
        return self.dynamics.features(state.dream)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return self.dynamics.noise(batch_size, horizon, seed)

    def cells(self) -> list[nn.Module]:
        return self.dynamics.cells()

    def own(self, batch: Batch) -> Batch:
        """The batch with codes [B, T] as actions, read off the row that follows.

        What was recorded in their place goes on as `recorded`.
        """
        if self.naming is not None:
            return batch
        return {**batch, "action": self.codes(batch), RECORDED: batch["action"]}

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        find = self.config.find
        parts = ("finder", "codebook", "naming")
        found = Phase("codes", self.find, find, parts, rate=2.0)
        rest = [
            replace(p, loss=partial(self._obey, p.loss), share=(1 - find) * p.share)
            for p in self.dynamics.phases()
        ]
        return [found, *(replace(p, trains=("dynamics",)) for p in rest)]

    def find(self, batch: Batch) -> Loss:
        """Codes that foretell what comes of N steps [N], and are named after actions [N']."""
        c = self.config
        self.dynamics.scales.update({k: batch[k] for k in self.finder.keys})
        steps = self._steps_of(batch)
        said = self.finder.said(steps, learning=self.training and len(steps.t) > 1)
        self.codebook.renew(said.detach())
        told = self.codebook.chosen(said)
        losses = {"codes": self.codebook.losses(said, c.commit)}
        if self.naming is not None:
            known = labelled(batch, self.finder.keys, c.labels)[steps.row, steps.t - 1]
            action = batch["action"][steps.row, steps.t - 1]
            told = torch.where(known.unsqueeze(-1), self._heard(action), told)
            missed = self.naming.missed(said[known], action[known], self.codebook)
            # Of one step alone nothing can be said; of none, least of all.
            losses["labels"] = c.label_weight * missed if len(missed) else said.new_zeros(1)
        seen = self.finder.tell(steps.before, told)
        losses["foretold"] = self.finder.missed(seen, steps, c.changes, self.dynamics.scales)
        return Loss(losses, self.initial(1))

    def loss(self, batch: Batch) -> Loss:
        """That of `rssm`, which is told codes in place of actions."""
        return self._obey(self.dynamics.loss, batch)

    @torch.no_grad()
    def diagnose(self, batch: Batch) -> Diagnosis:
        """Whether codes mean anything, and what; see `genie_diagnosis`."""
        steps = self._steps_of(batch)
        if not len(steps.t):  # of single frames
            return Diagnosis({})
        done = batch.get(RECORDED, batch.get("action"))
        tell, scales = self.finder.tell, self.dynamics.scales
        return diagnose_codes(self._read(steps), self.codebook.unit, tell, steps, scales, done)

    # -- parts -------------------------------------------------------------------------------------

    def _obey(self, loss: Callable[[Batch], Loss], batch: Batch) -> Loss:
        """A loss of the dynamics on what they hear: codes, and recorded actions by their names."""
        with torch.no_grad():
            codes = self.codes(batch)
            told = self.codebook.unit[codes]
            own = codes
            if self.naming is not None:
                own = batch["action"]
                known = labelled(batch, self.finder.keys, self.config.labels)
                told = torch.where(known.unsqueeze(-1), self._heard(own), told)
        losses, dream = loss({**batch, "action": told})
        last = len(dream.action) // len(own)  # as many at the end of each window
        action = own[:, own.shape[1] - last :].flatten(0, 1) if last else own[:1, 0]
        return Loss(losses, GenieState(action, dream, None))

    @torch.no_grad()
    def codes(self, batch: Batch) -> Tensor:
        """The number of the code from each row to the next [B, T]; 0 where nothing follows."""
        steps = self._steps_of(batch)
        codes = torch.zeros(batch["is_first"].shape, dtype=torch.long, device=self.device)
        return codes.index_put((steps.row, steps.t - 1), self._read(steps))

    def _read(self, steps: Steps) -> Tensor:
        return self.codebook(self.finder.said(steps))

    def _heard(self, action: Tensor) -> Tensor:
        """The vectors [..., C] behind the model's own actions."""
        if self.naming is None:
            return self.codebook.unit[action]
        return self.naming(action, self.codebook)

    def _ours(self, action: Tensor) -> bool:
        """Whether actions [B, T, ...] are such as this model takes."""
        spec = self.specs["action"]
        return action.shape[2:] == spec.shape and action.is_floating_point() != bool(spec.classes)

    def _nothing(self, batch_size: int) -> tuple[Tensor, ...]:
        """What was seen before anything was."""
        blank = (
            (self.specs[k].shape, getattr(torch, self.specs[k].dtype)) for k in self.finder.keys
        )
        lead = (batch_size, self.config.past)
        return tuple(torch.zeros(*lead, *shape, dtype=d, device=self.device) for shape, d in blank)

    def _steps_of(self, batch: Batch) -> Steps:
        """All steps of windows [B, T] that are seen for themselves."""
        is_first = batch["is_first"].clone()
        is_first[:, 0] = True
        return self._steps(self._frames(self._nothing(len(is_first)), batch), is_first)

    def _frames(self, past: tuple[Tensor, ...], batch: Batch) -> dict[str, Tensor]:
        """What was seen last, and what is seen [B, P + T, ...]."""
        pairs = zip(self.finder.keys, past, strict=True)
        return {k: torch.cat([before, batch[k]], 1) for k, before in pairs}

    def _steps(self, frames: Instants, is_first: Tensor) -> Steps:
        """The steps into rows that do not begin an episode."""
        row, t = (~is_first).nonzero().unbind(1)
        before = self._before(is_first)[row, t]
        scaled = self.dynamics.scales(frames, self.finder.keys)
        after = self.config.past + t
        return Steps(
            row,
            t,
            {k: x[row.unsqueeze(1), before] for k, x in scaled.items()},
            {k: x[row, after] for k, x in scaled.items()},
        )

    def _latest(self, frames: Instants, is_first: Tensor) -> tuple[Tensor, ...]:
        """The last `past` of them, by key."""
        row = torch.arange(len(is_first), device=is_first.device).unsqueeze(1)
        return tuple(x[row, self._before(is_first)[:, -1]] for x in frames.values())

    def _before(self, is_first: Tensor) -> Tensor:
        """Which frames are the last `past` before each row, and before the next one: [B, T + 1, P].

        Where the episode has not had as many, its first is taken again.
        """
        past, size = self.config.past, is_first.shape[1]
        place = torch.arange(past, past + size, device=is_first.device)
        begun = running_max(torch.where(is_first, place, 0))
        begun = F.pad(begun, (1, 0)).unsqueeze(-1)
        back = torch.arange(-past, 0, device=is_first.device)
        return torch.maximum(F.pad(place, (0, 1), value=past + size).unsqueeze(-1) + back, begun)
