"""A state-space model of things: one slot each, and what they do to each other.

Where a world's numbers belong to things (`Spec.names`), each thing gets a slot that holds them::

    frame ─ keypoints, glance ─ read ─▶ seen [N, Z] ─┐ gain
    slots, memory, action ─ pairs ─▶ expected [N, Z] ┴──▶ slots [N, Z] ─ heads

Interactions are those of Interaction Networks (Battaglia et al. 2016): one function for all pairs,
of differences, so that what is learned of one contact is known of all. What is seen corrects what
was expected by a learned gain (a Kalman filter's form; Haarnoja et al. 2016 learn one too), which
keeps things that are hidden where they were. Keypoints: Finn et al. 2016.

The posterior is a point and the prior a Gaussian around the expected slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import (
    SCALAR,
    TAIL,
    CodecConfig,
    Heads,
    Instructed,
    action_vector,
    zero_action,
)
from foreworld.families.scales import Scales, safe
from foreworld.families.scoring import overshoot, score, some_instants
from foreworld.families.slots_codec import SlotImage, SlotReader, TableHead
from foreworld.families.things import Things, named_key
from foreworld.nn.mlp import mlp, scale_output
from foreworld.nn.recurrent import GruCell
from foreworld.outputs import Normal
from foreworld.vocab import Batch, Loss, Phase, Prediction, Specs, WorldModel, map_state

SHARP = 4.0  # differences are magnified at birth: contact is a matter of centimetres
STRIDE = 0.2  # how far a slot goes in a step, about, in deviations of its column


@dataclass(frozen=True)
class SlotsConfig:
    spare: int = 2  # slots beyond those of the named things
    extra: int = 4  # numbers of a slot that have no name
    memory: int = 64  # numbers each slot remembers
    hidden: int = 64  # width of what passes between two slots
    min_std: float = 0.01  # the prior is never surer, in deviations of a column
    surprise: float = 0.1  # weight of the prior's likelihood of what was then seen
    overshoot: int = 5  # steps imagined in training with losses on every cheap head; 0: none
    overshoot_starts: int = 4  # instants of each window from which those steps begin
    decode: float = 0.125  # share of a batch's frames whose image is decoded in training
    see: float = 0.4  # share of training in which frames are learned one by one; 0: none
    freeze: bool = True  # after that, how frames are read is left as it is: updates are cheaper
    codec: CodecConfig = field(default_factory=CodecConfig)  # encoders and heads

    def __post_init__(self) -> None:
        if not 0 <= self.see < 1:
            raise ValueError(
                f"see={self.see} leaves no time for dynamics: a share from 0 to below 1"
            )


class SlotsState(NamedTuple):
    slots: Tensor  # [B, N, Z]
    before: Tensor  # [B, N, Z] one step earlier: the difference is a velocity
    memory: Tensor  # [B, N, M]
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
        things = Things(specs[self.table]) if self.table else None
        named = len(things.columns) if things else 0
        self.count = (len(things.names) if things else 0) + config.spare
        self.width = named + config.extra
        self.reader = SlotReader(specs, config.codec, self.count, self.width, named)
        c, m, z = config, config.hidden, self.width
        self.identity = nn.Parameter(0.5 * torch.randn(self.count, m))
        self.act = nn.Linear(specs["action"].width, m)
        self.inward = nn.Linear(2 * z + c.memory, m)
        self.source, self.sink = nn.Linear(m, m), nn.Linear(m, m)
        self.apart = nn.Linear(z, m, bias=False)
        self.pair_norm = nn.LayerNorm(m)
        self.message = nn.Linear(m, m)
        self.cell = GruCell(2 * m, c.memory)
        self.prior = scale_output(mlp(3 * m + c.memory, 2 * z, 2 * m, 1), 0.1)
        self.gain = mlp(c.memory + 2 * z + m, z, m, 1)
        with torch.no_grad():
            self.apart.weight.mul_(SHARP)
            cast(nn.Linear, self.gain[-1]).bias.fill_(2.0)  # born believing its eyes
        flat = self.count * (z + c.memory)
        self.instructed = Instructed(flat, self.reader.context_size)
        special = {k for k in specs if k == self.table or specs[k].kind == "image"}
        rest = {k: s for k, s in specs.items() if k not in special}
        self.predictor = Heads(rest, self.instructed.width, c.codec)
        self.facts = TableHead(things, c.codec) if things else None
        self.images = nn.ModuleDict(
            {safe(k): SlotImage(specs[k], self.count, z, c.codec) for k in special - {self.table}}
        )
        self.heads = (*sorted(special), *self.predictor.names)

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> SlotsState:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(batch_size, *shape, device=self.device)

        slots = zeros(self.count, self.width)
        memory = zeros(self.count, self.config.memory)
        action = zero_action(self.specs["action"], batch_size, self.device)
        return SlotsState(slots, slots, memory, zeros(self.reader.context_size), action)

    def observe(self, state: SlotsState, batch: Batch) -> SlotsState:
        seen_BTNZ, context_BTC = self._read(batch)
        for t in range(seen_BTNZ.shape[1]):
            state, _ = self._filter(state, seen_BTNZ[:, t], batch["is_first"][:, t])
            state = state._replace(context=context_BTC[:, t])
            if "action" in batch:
                state = state._replace(action=batch["action"][:, t])
        return state

    def imagine(self, state: SlotsState, action: Tensor, noise: Tensor | None = None) -> SlotsState:
        memory, prior = self._expect(state, action)
        slots = prior.mean if noise is None else prior.sample(noise)
        blank = torch.zeros_like(state.action)
        return SlotsState(slots, state.slots, memory, state.context, blank)

    def predict(
        self, state: SlotsState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        said: dict[str, Prediction] = {}
        wanted = self.heads if heads is None else heads
        for head in wanted:
            if head == self.table and self.facts is not None:
                said[head] = self.facts(state.slots, self.scales[head])
            elif safe(head) in self.images:
                said[head] = self.images[safe(head)](state.slots, self.scales[head])
        rest = [h for h in wanted if h not in said]
        if rest:
            x = self.instructed(self.features(state), state.context)
            said |= self.predictor(x, self.scales, rest)
        return {h: said[h] for h in wanted}

    def features(self, state: SlotsState) -> Tensor:
        return torch.cat([state.slots, state.memory], -1).flatten(1)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (batch_size, horizon, self.count * self.width)
        return torch.randn(shape, generator=generator).to(self.device)

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c = self.config
        sight = ("scales", "reader")
        rest = tuple(n for n, _ in self.named_children() if n not in sight) + ("identity",)
        phases = [
            Phase("frames", self.loss, c.see, rate=4.0, length=1),  # as many scenes as fit
            Phase("dynamics", self.loss, 1 - c.see, rest if c.freeze and c.see else None),
        ]
        return [phase for phase in phases if phase.share]

    def loss(self, batch: Batch) -> Loss:
        """The prior's surprise at what was seen, and one loss a head; all [B, T].

        Windows count as beginnings: what came before them is not known.
        """
        self.scales.update(batch)
        begins = batch["is_first"].clone()
        begins[:, 0] = True
        batch = {**batch, "is_first": begins}
        states, prior = self._scan(batch)
        losses = score(self.predict, states, batch, self._cheap)
        if self.images:
            pictures = {k: batch[k] for k in self.heads if safe(k) in self.images}
            chosen, truth = some_instants(states, pictures, self.config.decode)
            losses |= score(self.predict, chosen, truth, list(pictures))
        if begins.shape[1] > 1:
            surprise = prior.loss(states.slots.detach()) * ~begins
            losses["surprise"] = self.config.surprise * surprise
            if self.config.overshoot:
                losses |= overshoot(
                    self, states, batch, self._cheap, self.config.overshoot,
                    self.config.overshoot_starts,
                )  # fmt: skip
        return Loss(losses, map_state(lambda x: x.flatten(0, 1).detach(), states))

    def _scan(self, batch: Batch) -> tuple[SlotsState, Normal]:
        """States [B, T, ...], and what was expected in them [B, T, N, Z]."""
        seen_BTNZ, context_BTC = self._read(batch)
        state = self.initial(len(seen_BTNZ))
        states, means, stds = [], [], []
        for t in range(seen_BTNZ.shape[1]):
            state, prior = self._filter(state, seen_BTNZ[:, t], batch["is_first"][:, t])
            state = state._replace(action=batch["action"][:, t], context=context_BTC[:, t])
            states.append(state)
            means.append(prior.mean)
            stds.append(prior.std)
        stacked = map_state(lambda *xs: torch.stack(xs, 1), *states)
        return stacked, Normal(torch.stack(means, 1), torch.stack(stds, 1), 2, TAIL)

    # -- parts -------------------------------------------------------------------------------------

    @property
    def _cheap(self) -> list[str]:
        return [h for h in self.heads if safe(h) not in self.images]

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What frames [B, T, ...] say by themselves: slots [B, T, N, Z], and words [B, T, C]."""
        lead = batch["is_first"].shape
        flat = {k: batch[k].flatten(0, 1) for k in (*self.reader.keys, *self.reader.texts)}
        context = self.reader.context(flat).unflatten(0, lead)
        return self.reader(self.scales(flat, self.reader.keys)).unflatten(0, lead), context

    def _expect(self, state: SlotsState, action: Tensor) -> tuple[Tensor, Normal]:
        """Memory [B, N, M] and slots [B, N, Z] one step later, before anything is seen of it."""
        act = self.act(action_vector(action, self.specs["action"])).unsqueeze(1)
        velocity = (state.slots - state.before) / STRIDE
        me = self.identity + act
        x = F.silu(self.inward(torch.cat([state.slots, velocity, state.memory], -1)) + me)
        # apart(z_i - z_j) = apart(z_i) - apart(z_j): pairs cost one addition.
        here = self.apart(state.slots)
        pairs = (here + self.sink(x + act)).unsqueeze(2) + (self.source(x) - here).unsqueeze(1)
        told = self.message(F.silu(self.pair_norm(pairs)).sum(2))
        memory = self.cell(torch.cat([x, told], -1).flatten(0, 1), state.memory.flatten(0, 1))
        memory = memory.unflatten(0, state.memory.shape[:2])
        change, raw = self.prior(torch.cat([x, told, me, memory], -1)).chunk(2, -1)
        std = F.softplus(raw - 2) + self.config.min_std
        return memory, Normal(state.slots + STRIDE * change, std, 2, TAIL)

    def _filter(
        self, state: SlotsState, seen: Tensor, is_first: Tensor
    ) -> tuple[SlotsState, Normal]:
        """One real step: what was expected, corrected by what is seen; that alone at first."""
        memory, prior = self._expect(state, state.action)
        first = is_first.view(-1, 1, 1)
        identity = self.identity.expand(len(seen), -1, -1)
        miss = seen - prior.mean
        gain = self.gain(torch.cat([memory, seen, miss, identity], -1)).sigmoid()
        slots = torch.where(first, seen, prior.mean + gain * miss)
        before = torch.where(first, seen, state.slots)
        blank = torch.zeros_like(state.action)
        return SlotsState(slots, before, memory * ~first, state.context, blank), prior
