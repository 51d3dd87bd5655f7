"""Any stream made worse on purpose: noise, lost frames, a dead sensor, slow motors, a noisy TV.

    stream = disturbed(GymStream("CartPole-v1", 8, pixels=True), "dropped_frames", 0.2, seed=0)

What a world does is the same; what is seen of it, or when an action reaches it, is not. Rewards,
flags, goals and what only training sees stay true, and rows record the action that was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from foreworld.errors import unknown
from foreworld.streams.collect import Stream
from foreworld.vocab import Spec, Step, observation_keys

Array = np.ndarray


def disturbed(stream: Stream, name: str, strength: float, seed: int = 0) -> Stream:
    """`stream` with the disturbance `name` of `DISTURBANCES`; at strength 0 the stream itself.

    The same seed disturbs the same rows in the same way. Raises ValueError for unknown names, for
    strengths beyond the dial, and for worlds that show nothing to disturb.
    """
    if name not in DISTURBANCES:
        raise unknown("disturbance", name, DISTURBANCES)
    kind = DISTURBANCES[name]
    if not 0 <= strength <= kind.most or (kind.whole and strength != int(strength)):
        number = "whole number" if kind.whole else "number"
        raise ValueError(f"strength={strength} of {name}: a {number} from 0 to {kind.most:g}")
    return kind(stream, strength, seed) if strength > 0 else stream


class Disturbed:
    """A stream around another; subclasses change what is shown, or what is done."""

    most: ClassVar[float] = 1.0  # the end of the dial
    whole: ClassVar[bool] = False  # whether the dial clicks
    meaning: ClassVar[str]  # of the strength
    kinds: ClassVar[Sequence[str]] = ("image", "vector", "discrete", "text")

    def __init__(self, stream: Stream, strength: float, seed: int) -> None:
        self.stream, self.strength, self.seed = stream, strength, seed
        self.specs, self.num_envs = stream.specs, stream.num_envs
        seen = observation_keys(self.specs)
        self.keys = [k for k in seen if self.specs[k].kind in self.kinds]
        if not self.keys:
            raise ValueError(
                f"nothing to disturb: this world shows {', '.join(seen)}, and none of them is of "
                f"kind {' or '.join(self.kinds)}"
            )
        self._resets = 0

    def reset(self, seed: int | None = None) -> Step:
        """As the stream's; disturbances begin anew."""
        self._resets += 1
        began = (self.seed, 0, self._resets) if seed is None else (self.seed, 1, seed)
        self._rng = np.random.default_rng(began)
        return self._shown(self.stream.reset(seed))

    def step(self, action: Array) -> Step:
        """As the stream's."""
        return self._shown(self.stream.step(self._acted(np.asarray(action))))

    def _shown(self, step: Step) -> Step:
        """What a row looks like; arrays of the stream are never written to."""
        return step

    def _acted(self, action: Array) -> Array:
        """What reaches the worlds."""
        return action

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)  # frames, close, and what else a stream has


class Noise(Disturbed):
    """Normal noise on pictures and vectors, where they have bounds in shares of their range."""

    meaning = "standard deviation, of the range of a picture or vector; of 1 where it has none"
    kinds = ("image", "vector")

    def _shown(self, step: Step) -> Step:
        return {**step, **{key: self._noisy(step[key], self.specs[key]) for key in self.keys}}

    def _noisy(self, values: Array, spec: Spec) -> Array:
        noise = self._rng.standard_normal(values.shape, np.float32)
        if spec.kind == "image":
            noisy = values + (255 * self.strength) * noise
            return np.clip(noisy + 0.5, 0, 255).astype(values.dtype)
        span = 1.0
        if spec.low is not None and spec.high is not None:
            low, high = (np.asarray(b, np.float32) for b in (spec.low, spec.high))
            span = (high - low).reshape(spec.shape) if low.ndim else high - low
        return (values + self.strength * span * noise).astype(values.dtype)


class DroppedFrames(Disturbed):
    """Now and then nothing new arrives, and the last row that did is shown again."""

    meaning = "probability that a row after the first shows the one before again"

    def _shown(self, step: Step) -> Step:
        lost = self._rng.random(self.num_envs) < self.strength
        lost &= ~step["is_first"]
        if lost.any():
            step = {**step, **{key: self._held(key, step[key], lost) for key in self.keys}}
        self._last = {key: step[key] for key in self.keys}
        return step

    def _held(self, key: str, values: Array, lost: Array) -> Array:
        return np.where(lost.reshape(-1, *[1] * (values.ndim - 1)), self._last[key], values)


class DroppedModality(Disturbed):
    """In some episodes one of the keys is blank from beginning to end: all zeros."""

    meaning = "share of episodes in which one key, drawn at their start, is blank"

    def reset(self, seed: int | None = None) -> Step:
        self._blank = np.full(self.num_envs, -1)  # which key of each world; -1: none
        return super().reset(seed)

    def _shown(self, step: Step) -> Step:
        broken = self._rng.random(self.num_envs) < self.strength
        drawn = np.where(broken, self._rng.integers(len(self.keys), size=self.num_envs), -1)
        self._blank = np.where(step["is_first"], drawn, self._blank)
        shown = dict(step)
        for number, key in enumerate(self.keys):
            rows = self._blank == number
            if rows.any():
                shown[key] = step[key].copy()
                shown[key][rows] = 0
        return shown


class Delay(Disturbed):
    """Actions reach the world some steps late; until the first does, the middle of their range."""

    most, whole = 100.0, True
    meaning = "steps from the choice of an action to its effect"

    def reset(self, seed: int | None = None) -> Step:
        spec = self.specs["action"]
        self._late = np.empty((int(self.strength), self.num_envs, *spec.shape), spec.dtype)
        return super().reset(seed)

    def _shown(self, step: Step) -> Step:
        self._late[:, step["is_first"]] = rest(self.specs["action"])
        return step

    def _acted(self, action: Array) -> Array:
        arrives = self._late[0].copy()
        self._late = np.concatenate([self._late[1:], action[None].astype(self._late.dtype)])
        return arrives


class Distractor(Disturbed):
    """A television in the picture: a square of random pixels, new ones in every row.

    Where it hangs is drawn at the start of an episode. After the "noisy TV" of Burda et al. 2019.
    """

    meaning = "share of the picture that the television covers"
    kinds = ("image",)

    def reset(self, seed: int | None = None) -> Step:
        self._corner = np.zeros((self.num_envs, 2))  # in shares of the room there is for it
        return super().reset(seed)

    def _shown(self, step: Step) -> Step:
        drawn = self._rng.random((self.num_envs, 2))
        self._corner = np.where(step["is_first"][:, None], drawn, self._corner)
        return {**step, **{key: self._covered(step[key]) for key in self.keys}}

    def _covered(self, pictures: Array) -> Array:
        num, height, width, channels = pictures.shape
        tall, wide = (max(1, round(side * self.strength**0.5)) for side in (height, width))
        corner = (self._corner * (height - tall + 1, width - wide + 1)).astype(int)
        lines, columns = corner[:, :1] + np.arange(tall), corner[:, 1:] + np.arange(wide)
        where = (np.arange(num)[:, None, None], lines[:, :, None], columns[:, None])
        shown = pictures.copy()
        shown[where] = self._rng.integers(256, size=(num, tall, wide, channels), dtype=np.uint8)
        return shown


def rest(spec: Spec) -> Array:
    """The action in the middle of its range [...]; class 0, and 0 where there are no bounds."""
    if spec.classes or spec.low is None or spec.high is None:
        return np.zeros(spec.shape, spec.dtype)
    middle = (np.asarray(spec.low, float) + np.asarray(spec.high, float)) / 2
    return np.broadcast_to(middle.reshape(spec.shape) if middle.ndim else middle, spec.shape)


DISTURBANCES: dict[str, type[Disturbed]] = {
    "noise": Noise,
    "dropped_frames": DroppedFrames,
    "dropped_modality": DroppedModality,
    "delay": Delay,
    "distractor": Distractor,
}
