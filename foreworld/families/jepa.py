"""A joint-embedding world model: predicts what it will see as numbers of its own, not as pixels.

LeWorldModel (arXiv 2603.19312) and PLDM (Sobal et al. 2025), one encoder without a twin::

    z_t = project(encoder(o_{t-F+1..t}))             observe: into the window
    z_{t+1} = predictor(z_{t-W+1..t}, a_{t-W+1..t})  imagine: so is what is predicted
    loss = |predicted z - z|^2, K steps ahead, and a regulariser against "everything is the same"

Reward and end are predicted from the window while it learns; what the world looked like is read
off the frozen features by heads that are trained afterwards. A transformer over patches may first
learn by guessing hidden ones (`masked`).
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
    zero_action,
)
from foreworld.families.jepa_config import PRESETS as PRESETS
from foreworld.families.jepa_config import JepaConfig as JepaConfig
from foreworld.families.masked import MaskedFrames
from foreworld.families.regularisers import REGULARISERS, diagnose_collapse
from foreworld.families.scales import Scales, safe
from foreworld.families.scoring import imagined_windows, score, some_instants, with_flags
from foreworld.families.windows import Predictor, counted, newest_and_changes, there, windows
from foreworld.nn.mlp import mlp
from foreworld.vocab import (
    Batch,
    Diagnosis,
    Loss,
    Phase,
    Prediction,
    Specs,
    WorldModel,
    map_state,
    target_keys,
)

OUTCOMES = ("reward", "continue")


class JepaState(NamedTuple):
    embeds: Tensor  # [B, W, E] what was seen or predicted, newest last; zeros where nothing was
    moves: Tensor  # [B, W - 1, A] the actions between them
    seen: Tensor  # [B] how many of the W there are
    glimpses: Tensor  # [B, F - 1, D] what the encoder said of the observations before
    glimpsed: Tensor  # [B] how many of them, and the newest, there are: none was imagined
    context: Tensor  # [B, C] what was instructed
    action: Tensor  # [B, ...] the action chosen here, zeros until then


class Jepa(WorldModel):
    """See the module's picture; shapes in `JepaState`. It is deterministic: noise has no width."""

    Config = JepaConfig

    def __init__(self, specs: Specs, config: JepaConfig) -> None:
        super().__init__()
        self.specs = dict(specs)
        self.config = config
        c, action = config, specs["action"]
        self.scales = Scales({**specs, "reward": SCALAR})
        self.encoder = Encoder(specs, c.codec)
        self.words = Words(specs, c.codec)
        self.project = _project(c)
        self.predictor = Predictor(c, action.width)
        self.regulariser = REGULARISERS[c.objective](c, action)
        hidden = self.encoder.transformers() if c.masked.share else {}
        self.masked = nn.ModuleDict({safe(k): MaskedFrames(e, c.masked) for k, e in hidden.items()})
        self.instructed = Instructed(c.window * c.latent, self.words.size)
        self.outcomes = Heads(specs, self.instructed.width, c.codec, OUTCOMES)
        views = [k for k in target_keys(specs) if specs[k].kind != "text"] if c.look else []
        self.views = Heads(specs, c.window * c.latent, c.codec, views)
        self.heads = (*views, *OUTCOMES)
        self._joint = OUTCOMES if c.outcomes else ()  # learned together with the embeddings

    # -- the verbs ---------------------------------------------------------------------------------

    def initial(self, batch_size: int) -> JepaState:
        c, action = self.config, self.specs["action"]

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(batch_size, *shape, device=self.device)

        return JepaState(
            zeros(c.window, c.latent),
            zeros(c.window - 1, action.width),
            zeros().long(),
            zeros(c.frames - 1, c.codec.embed),
            zeros().long(),
            zeros(self.words.size),
            zero_action(action, batch_size, self.device),
        )

    def observe(self, state: JepaState, batch: Batch) -> JepaState:
        length = batch["is_first"].shape[1]
        # Rows that have left the window again, and are not part of its oldest embedding.
        older = max(0, length - self.config.window - self.config.frames + 1)
        if older:
            is_first = batch["is_first"][:, :older]
            seen, glimpsed = (counted(n, is_first)[:, -1] for n in (state.seen, state.glimpsed))
            state = state._replace(seen=seen, glimpsed=glimpsed)
        batch = {k: v[:, older:] for k, v in batch.items()}
        return map_state(lambda x: x[:, -1], self._scan(state, batch))

    def imagine(self, state: JepaState, action: Tensor, noise: Tensor | None = None) -> JepaState:
        move = action_vector(action, self.specs["action"])
        moves = torch.cat([state.moves, move.unsqueeze(1)], 1)
        coming = self.predictor(state.embeds, moves, state.seen)
        embeds = torch.cat([state.embeds[:, 1:], coming.unsqueeze(1)], 1)
        return JepaState(
            embeds,
            moves[:, 1:],
            (state.seen + 1).clamp(max=self.config.window),
            torch.zeros_like(state.glimpses),
            torch.zeros_like(state.glimpsed),
            state.context,
            torch.zeros_like(state.action),
        )

    def predict(
        self, state: JepaState, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.heads)
        wanted = self.heads if heads is None else heads
        x = self.features(state)
        told = self.instructed(x, state.context)
        outcomes = self.outcomes(told, self.scales, [h for h in wanted if h in OUTCOMES])
        return outcomes | self.views(x, self.scales, [h for h in wanted if h not in OUTCOMES])

    def features(self, state: JepaState) -> Tensor:
        """The newest embedding, and how it changed from each to the next in the window."""
        return newest_and_changes(state.embeds, state.seen)

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0, device=self.device)

    def cells(self) -> list[nn.Module]:
        return [self.predictor]

    # -- training ----------------------------------------------------------------------------------

    def phases(self) -> list[Phase]:
        c = self.config
        read = ("views",) if c.outcomes else ("views", "instructed", "outcomes")
        phases = [
            Phase("masked", self.guess, c.masked.share, ("encoder", "masked"), watched=False),
            Phase("world", self.loss, 1 - c.look - c.masked.share),
            Phase("look", self.look, c.look, read),
        ]
        return [phase for phase in phases if phase.share]

    def loss(self, batch: Batch) -> Loss:
        """Prediction [B * starts], the regulariser's losses, reward and continue [B, T]."""
        self.scales.update(batch)
        states = self._scan(self.initial(len(batch["is_first"])), batch)
        embed_BTE = states.embeds[:, :, -1]
        losses = self.regulariser(embed_BTE, batch)
        losses |= self._prediction(states, {**batch, "embed": embed_BTE})
        losses |= score(self.predict, states, batch, self._joint)
        last = self.config.imagine_last
        return Loss(losses, map_state(lambda x: x[:, -last:].flatten(0, 1).detach(), states))

    def guess(self, batch: Batch) -> Loss:
        """What hidden patches mean [B or B * T], by I-JEPA or V-JEPA; no embedding is made yet."""
        self.scales.update(batch)
        losses = {}
        for key, encoder in self.encoder.transformers().items():
            lead, images = batch[key].shape[:2], batch[key].flatten(0, 1)
            scaled = self.scales[key](images).unflatten(0, lead)
            losses[f"masked_{key}"] = self.masked[safe(key)](encoder, scaled)
        return Loss(losses, self.initial(1))

    def look(self, batch: Batch) -> Loss:
        """What the frozen features say of all else [B, T], images on a share of the frames."""
        with torch.no_grad():
            states = self._scan(self.initial(len(batch["is_first"])), batch)
        images = [k for k in self.views.names if self.specs[k].kind == "image"]
        read = [h for h in self.heads if h not in (*images, *self._joint)]
        losses = score(self.predict, states, batch, read)
        if images:
            truth = with_flags(batch, images)
            losses |= score(self.predict, *some_instants(states, truth, self.config.decode), images)
        return Loss(losses, map_state(lambda x: x[:, -1], states))

    def _prediction(self, states: JepaState, batch: Batch) -> dict[str, Tensor]:
        """Imagined futures compared with what came, in embeddings, rewards and ends."""
        c = self.config
        futures, truth, alive = imagined_windows(
            self, states, batch, ["embed", "reward"], c.overshoot, c.overshoot_starts
        )
        error = (futures.embeds[:, :, -1] - truth["embed"]).square().mean(-1)
        scores = score(self.predict, futures, truth, self._joint)
        losses = {f"overshoot_{h}": (x * alive).mean(1) for h, x in scores.items()}
        return losses | {"prediction": (error * alive).mean(1)}

    @torch.no_grad()
    def diagnose(self, batch: Batch) -> Diagnosis:
        """Whether embeddings have collapsed; see `foreworld.evaluation.collapse`."""
        embed = self._scan(self.initial(len(batch["is_first"])), batch).embeds[:, :, -1]
        slices = self.config.slices if self.config.objective == "lewm" else None
        return diagnose_collapse(embed.flatten(0, 1), slices)

    # -- parts -------------------------------------------------------------------------------------

    def _scan(self, state: JepaState, batch: Batch) -> JepaState:
        """The states [B, T] of all rows, in parallel over T."""
        window, frames, spec = self.config.window, self.config.frames, self.specs["action"]
        flat = {k: batch[k].flatten(0, 1) for k in self.encoder.keys}
        lead = batch["is_first"].shape
        glimpse = self.encoder(self.scales(flat, self.encoder.keys)).unflatten(0, lead)
        glimpses = windows(torch.cat([state.glimpses, glimpse], 1), frames)
        glimpsed = counted(state.glimpsed, batch["is_first"]).clamp(max=frames)
        embed = self.project(newest_and_changes(glimpses, glimpsed))
        action = batch.get("action")
        if action is None:
            action = state.action.unsqueeze(1).expand(lead[0], lead[1], *spec.shape) * 0
        chosen = torch.cat([state.action.unsqueeze(1), action[:, :-1]], 1)  # led to each row
        moves = torch.cat([state.moves, action_vector(chosen, spec)], 1)
        embeds = torch.cat([state.embeds, embed], 1)
        seen = counted(state.seen, batch["is_first"]).clamp(max=window)
        valid = there(seen, window).unsqueeze(-1)
        return JepaState(
            windows(embeds, window)[:, 1:] * valid,
            windows(moves, window - 1)[:, 1:] * valid[:, :, :-1],
            seen,
            glimpses[:, :, 1:] * there(glimpsed, frames)[..., 1:, None],
            glimpsed,
            self.words(batch),
            action,
        )


def _project(config: JepaConfig) -> nn.Module:
    """What was seen -> an embedding. Speed is no linear matter: frames meet in a hidden layer."""
    c = config
    if c.frames == 1:
        return nn.Linear(c.codec.embed, c.latent)
    return mlp(c.frames * c.codec.embed, c.latent, c.codec.hidden, 1)
