"""A state-space model of things: one slot each, and what they do to each other.

Where a world's numbers belong to things (`Spec.names`), each thing gets a slot that holds them::

    frame ─ keypoints, glance ─ read ─▶ seen [N, Z] ─┐ gain
    slots, action ─ pairs ───────▶ expected [N, Z] ──┴──▶ slots [N, Z] ─ heads

Interactions are those of Interaction Networks (Battaglia et al. 2016): one function for all pairs,
of differences, so that what is learned of one contact is known of all. What is seen corrects what
was expected by a learned gain (a Kalman filter's form; Haarnoja et al. 2016 learn one too), which
keeps things that are hidden where they were. Keypoints: Finn et al. 2016. The posterior is a point,
the prior a Gaussian around the expected slots.

Three phases: frames; motion by the named numbers alone, cheap enough to learn contact; then both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from foreworld.families.codec import (
    SCALAR,
    TAIL,
    Heads,
    Instructed,
    Words,
    action_vector,
    check_heads,
    zero_action,
)
from foreworld.families.scales import Scales, safe
from foreworld.families.scoring import imagined_windows, score, some_instants, with_flags
from foreworld.families.slots_codec import SlotImage, SlotReader, TableHead
from foreworld.families.slots_config import PRESETS as PRESETS
from foreworld.families.slots_config import SlotsConfig as SlotsConfig
from foreworld.families.slots_motion import STIR, STRIDE, Motion
from foreworld.families.things import Things, named_key
from foreworld.nn.mlp import mlp
from foreworld.outputs import Normal
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

GENTLY = 0.3  # the rate at which what was learned from numbers is made to bear real frames
FUTURES = 256  # in an update of motion
SOME = 0.2  # of imagined instants are enough for heads that do not steer the dynamics


class SlotsState(NamedTuple):
    slots: Tensor  # [B, N, Z]
    before: Tensor  # [B, N, Z] one step earlier: the difference is a velocity
    looks: Tensor  # [B, N, L]
    context: Tensor  # [B, C] what was instructed
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Slots(WorldModel):
    """See the module's picture; shapes in `SlotsState`."""

    Config = SlotsConfig

    def __init__(self, specs: Specs, config: SlotsConfig) -> None:
        super().__init__()
        self.specs, self.config = dict(specs), config
        self.scales = Scales({**specs, "reward": SCALAR})
        self.table = named_key(specs)
        self.things = Things(specs[self.table]) if self.table else None
        things, c, m = self.things, config, config.hidden
        self.count = len(things.names) if things else c.free
        self.width = z = len(things.columns) if things else c.numbers
        self.common = things.common if things else list(range(z))
        self.words = Words(specs, c.codec)
        self.reader = SlotReader(specs, c.codec, (self.count, z + c.looks))
        moves = things.named if things else torch.ones(self.count, z, dtype=torch.bool)
        self.motion = Motion(moves, self.common, specs["action"].width, c)
        self.identity = nn.Parameter(0.5 * torch.randn(self.count, m))
        self.gain = mlp(2 * z + m, z + c.looks, m, 1)
        with torch.no_grad():
            cast(nn.Linear, self.gain[-1]).bias.fill_(2.0)  # born believing its eyes
        flat = self.count * (2 * z + c.looks)
        self.instructed = Instructed(flat, self.words.size)
        special = {k for k in target_keys(specs) if k == self.table or specs[k].kind == "image"}
        rest = {k: s for k, s in specs.items() if k not in special}
        self.predictor = Heads(rest, self.instructed.width, c.codec)
        self.facts = TableHead(things, c.codec) if things else None
        images = special - {self.table}
        shape = (self.count, z, c.looks)
        self.images = nn.ModuleDict(
            {safe(k): SlotImage(specs[k], shape, self.common, c.codec) for k in images}
        )
        self.heads = (*sorted(special), *self.predictor.names)

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> SlotsState:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(batch_size, *shape, device=self.device)

        slots = zeros(self.count, self.width)
        looks = zeros(self.count, self.config.looks)
        action = zero_action(self.specs["action"], batch_size, self.device)
        return SlotsState(slots, slots, looks, zeros(self.words.size), action)

    def observe(self, state: SlotsState, batch: Batch) -> SlotsState:
        seen_BTNZ, context_BTC = self._read(batch)
        for t in range(seen_BTNZ.shape[1]):
            state, _ = self._filter(state, seen_BTNZ[:, t], batch["is_first"][:, t])
            state = state._replace(context=context_BTC[:, t])
            if "action" in batch:
                state = state._replace(action=batch["action"][:, t])
        return state

    def imagine(self, state: SlotsState, action: Tensor, noise: Tensor | None = None) -> SlotsState:
        prior = self._expect(state, action)
        slots = prior.mean if noise is None else prior.sample(noise)
        blank = torch.zeros_like(state.action)
        return SlotsState(slots, state.slots, state.looks, state.context, blank)

    def predict(
        self, state: SlotsState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        said: dict[str, Prediction] = {}
        wanted = heads or self.heads
        for head in wanted:
            if head == self.table and self.facts is not None:
                said[head] = self.facts(state.slots, self.scales[head])
            elif safe(head) in self.images:
                # Named numbers are taught by name; the picture would only pull them off.
                slots = state.slots.detach() if self.things else state.slots
                said[head] = self.images[safe(head)](slots, state.looks, self.scales[head])
        if rest := [h for h in wanted if h not in said]:
            x = self.instructed(self.features(state), state.context)
            said |= self.predictor(x, self.scales, rest)
        return {h: said[h] for h in wanted}

    def features(self, state: SlotsState) -> Tensor:
        velocity = (state.slots - state.before) / STRIDE
        return torch.cat([state.slots, velocity, state.looks], -1).flatten(1)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (batch_size, horizon, self.count * self.width)
        return torch.randn(shape, generator=generator).to(self.device)

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c, table, moving = self.config, self.table, ("motion", "facts")
        move = c.move if table else 0.0
        rest = (*moving, "words", "identity", "gain", "instructed", "predictor") if c.see else None
        phases = [
            Phase("frames", self.loss, c.see, rate=4.0, length=1),  # as many scenes as fit
            Phase("motion", self.move, move, moving, 2.0, 3 * c.overshoot + 2, (table or "",), 8),
            Phase("dynamics", self.loss, 1 - c.see - move, rest, GENTLY if move else 1.0),
        ]
        return [phase for phase in phases if phase.share]

    def move(self, batch: Batch) -> Loss:
        """What happens to the named numbers, from two instants on: no frame is looked at."""
        assert self.things is not None and self.table is not None
        length = self.config.overshoot + 2
        truth_MTW, action_MTA, calm = (
            batch[k].unfold(1, length, 1).movedim(-1, 2).flatten(0, 1)
            for k in (self.table, "action", "is_first")
        )
        slots_MTNZ = self.things.write(truth_MTW, self.scales[self.table])
        chosen = self.telling(slots_MTNZ, ~calm[:, 1:].any(1))
        slots_MTNZ, action_MTA = slots_MTNZ[chosen], action_MTA[chosen]
        state = self.initial(FUTURES)._replace(before=slots_MTNZ[:, 0], slots=slots_MTNZ[:, 1])
        surprise, said = [], []
        for t in range(1, length - 1):
            prior = self._expect(state, action_MTA[:, t])
            state = state._replace(before=state.slots, slots=prior.mean)
            surprise.append(prior.loss(slots_MTNZ[:, t + 1]))
            said.append(state)
        states = map_state(lambda *xs: torch.stack(xs, 1), *said)
        truth = {self.table: truth_MTW[chosen, 2:]}
        losses = score(self.predict, states, truth, [self.table])
        losses["surprise"] = self.config.surprise * torch.stack(surprise, 1)
        return Loss(losses, state)

    @staticmethod
    def telling(slots_MTNZ: Tensor, whole: Tensor) -> Tensor:
        """Indices of `FUTURES` windows to learn from, among those that are `whole` [M].

        Most hold no contact, so half are drawn where things move that seldom do.
        """
        moves_MN = (slots_MTNZ.diff(dim=1).abs() > STIR).any(-1).any(1) & whole.unsqueeze(1)
        weight = (moves_MN / moves_MN.float().mean(0).clamp(min=1e-3)).sum(1) + 1e-3 * whole
        half = FUTURES // 2
        return torch.cat([w.multinomial(half, True) for w in (weight, whole.float())])

    def loss(self, batch: Batch) -> Loss:
        """The prior's surprise at what was seen, and one loss a head; all [B, T].

        Windows count as beginnings: what came before them is not known.
        """
        begins = batch["is_first"].clone()
        begins[:, 0] = True
        batch = {**batch, "is_first": begins}
        if self._sees(batch):
            self.scales.update(batch)
        states, prior = self._scan(batch)
        losses = score(self.predict, states, batch, self._cheap)
        if self.images and self._sees(batch):
            keys = [k for k in self.heads if safe(k) in self.images]
            chosen, truth = some_instants(states, with_flags(batch, keys), self.config.decode)
            losses |= score(self.predict, chosen, truth, keys)
        if begins.shape[1] > 1:
            surprise = prior.loss(states.slots.detach()) * ~begins
            losses["surprise"] = self.config.surprise * surprise
            if self.config.overshoot:
                losses |= self._overshoot(states, batch)
        return Loss(losses, map_state(lambda x: x.flatten(0, 1).detach(), states))

    def _scan(self, batch: Batch) -> tuple[SlotsState, Normal]:
        """States [B, T, ...], and what was expected in them [B, T, N, Z]."""
        seen_BTNZ, context_BTC = self._read(batch)
        state = self.initial(len(seen_BTNZ))
        states, means, stds = [], [], []
        for t, seen_BNZ in enumerate(seen_BTNZ.unbind(1)):  # not x[:, t]: see rssm's Seen.each
            state, prior = self._filter(state, seen_BNZ, batch["is_first"][:, t])
            state = state._replace(action=batch["action"][:, t], context=context_BTC[:, t])
            states.append(state)
            means.append(prior.mean)
            stds.append(prior.std)
        stacked = map_state(lambda *xs: torch.stack(xs, 1), *states)
        return stacked, Normal(torch.stack(means, 1), torch.stack(stds, 1), 2, TAIL)

    def _overshoot(self, states: SlotsState, batch: Batch) -> dict[str, Tensor]:
        """Losses of imagined futures: of the table at every step, of other heads at a few."""
        c = self.config
        futures, truth, alive = imagined_windows(
            self, states, batch, self._cheap, c.overshoot, c.overshoot_starts
        )
        table = [self.table] if self.table else []
        scores = score(self.predict, futures, truth, table)
        losses = {f"overshoot_{h}": (x * alive).mean(1) for h, x in scores.items()}
        some, told = some_instants(futures, {**truth, "alive": alive}, SOME)
        rest = [h for h in self._cheap if h != self.table]
        scores = score(self.predict, some, told, rest)
        return losses | {f"overshoot_{h}": x * told["alive"] for h, x in scores.items()}

    # -- parts -------------------------------------------------------------------------------------

    @property
    def _cheap(self) -> list[str]:
        return [h for h in self.heads if safe(h) not in self.images]

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What frames [B, T, ...] say by themselves: slots [B, T, N, Z], and words [B, T, C].

        While frames are learned, cameras are found beside them.
        """
        lead = batch["is_first"].shape
        flat = {k: batch[k].flatten(0, 1) for k in self.reader.keys}
        seen, keypoints = self.reader(self.scales(flat, self.reader.keys))
        if self.training and self._sees(batch) and self.things and self.table:
            slots = self.things.write(batch[self.table].flatten(0, 1), self.scales[self.table])
            for key, points in keypoints.items():
                cast(SlotImage, self.images[safe(key)]).find(slots, points)
        return seen.unflatten(0, lead), self.words(batch)

    def _sees(self, batch: Batch) -> bool:
        """Whether this is a batch to learn frames from: a window of one, or all where see is 0."""
        return batch["is_first"].shape[1] == 1 or not self.config.see

    def _expect(self, state: SlotsState, action: Tensor) -> Normal:
        """The slots [B, N, Z] one step later, before anything is seen of it."""
        act = action_vector(action, self.specs["action"])
        return self.motion(state.slots, state.before, act)

    def _filter(
        self, state: SlotsState, seen: Tensor, is_first: Tensor
    ) -> tuple[SlotsState, Normal]:
        """One real step: what was expected, corrected by what is seen; that alone at first."""
        prior = self._expect(state, state.action)
        first = is_first.view(-1, 1, 1)
        seen, looks = seen.split([self.width, self.config.looks], -1)
        miss = seen - prior.mean
        identity = self.identity.expand(len(seen), -1, -1)
        gain = self.gain(torch.cat([seen, miss, identity], -1)).sigmoid()
        gain, trust = gain.split([self.width, self.config.looks], -1)
        slots = torch.where(first, seen, prior.mean + gain * miss)
        before = torch.where(first, seen, state.slots)
        looks = torch.where(first, looks, state.looks + trust * (looks - state.looks))
        blank = torch.zeros_like(state.action)
        return SlotsState(slots, before, looks, state.context, blank), prior
