"""A model asked for many states at once, such that no answer depends on who else asked.

    rows = Rows(model)
    states = rows.imagine(states, actions, noises)     # each as if it were alone, to the bit

The last bit of a product of matrices depends on how many rows there are, and that of an `exp` on
whether it falls into the end of an array that fills no vector register. So the number of rows is
always the same: a multiple of what every register holds, padded where fewer are asked for.
Pictures are large, so fewer of them go together; what is observed goes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from foreworld.vocab import State, WorldModel, map_state

ROWS = 32  # of a call: two registers of 16 numbers
PICTURES = 4  # of a call that draws
SETTLE = 3  # steps after which states differ enough to be compared


class Rows:
    """Row by row what the verbs of a model do; states [1, ...] come and go as lists.

    exact: whether this model keeps the promise on this machine; it is tried once, and where it does
    not, rows go one by one.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.specs, self.heads = model.specs, model.heads
        self.images = [h for h in self.heads if h in self.specs and self.specs[h].kind == "image"]
        self.numbers = [h for h in self.heads if h not in self.images]
        self._rows, self._pictures = ROWS, PICTURES
        self.exact = self._try()
        if not self.exact:
            self._rows = self._pictures = 1

    @torch.no_grad()
    def imagine(
        self,
        states: Sequence[State],
        actions: Sequence[np.ndarray],
        noises: Sequence[Tensor] | None,
    ) -> list[State]:
        """One step each. actions: arrays of one action's shape, noises [1, K]; None: the modes."""
        given = [self._action(a) for a in actions]
        done: list[State] = []
        for part in _parts(len(states), self._rows):
            state, action = (_joined(xs[part], self._rows) for xs in (states, given))
            noise = None if noises is None else _joined(noises[part], self._rows)
            done += _apart(self.model.imagine(state, action, noise), len(states[part]))
        return done

    @torch.no_grad()
    def predict(
        self, states: Sequence[State], heads: Sequence[str] | None = None
    ) -> list[dict[str, np.ndarray]]:
        """Means of heads (None: all that are no pictures), pictures as uint8; arrays of one row."""
        wanted = self.numbers if heads is None else heads
        said: list[dict[str, np.ndarray]] = [{} for _ in states]
        images = [h for h in wanted if h in self.images]
        numbers = [h for h in wanted if h not in self.images]
        for names, size in ((numbers, self._rows), (images, self._pictures)):
            for part in _parts(len(states), size) if names else ():
                means = self.model.predict(_joined(states[part], size), names)
                for name in names:
                    values = _plain(means[name].mean, name in self.images)
                    for row, value in zip(said[part], values, strict=False):
                        row[name] = value
        return said

    @torch.no_grad()
    def features(self, states: Sequence[State]) -> Tensor:
        """[N, D]."""
        parts = _parts(len(states), self._rows)
        return torch.cat(
            [
                self.model.features(_joined(states[p], self._rows))[: len(states[p])].clone()
                for p in parts
            ]
        )

    @torch.no_grad()
    def observe(self, state: State, batch: Mapping[str, Tensor]) -> State:
        """Fold real steps [1, T, ...] in."""
        return self.model.observe(state, batch)

    def _action(self, action: np.ndarray) -> Tensor:
        spec = self.specs["action"]
        return torch.from_numpy(np.asarray(action, spec.dtype).reshape(1, *spec.shape)).to(
            self.model.device
        )

    def _try(self) -> bool:
        """Whether rows in another order, among the same and among others, stay what they are."""
        rng = np.random.default_rng(0)
        spec = self.specs["action"]
        if spec.classes:
            drawn = rng.integers(0, spec.classes, (2 * ROWS, len(spec.classes)))
        else:
            drawn = rng.uniform(-1, 1, (2 * ROWS, spec.width))
        actions = list(drawn.reshape(-1, *spec.shape))
        states = _apart(self.model.initial(2 * ROWS), 2 * ROWS)
        for step in range(SETTLE):
            noise = self.model.noise(2 * ROWS, 1, step)[:, 0]
            noises = list(noise.split(1))
            before, states = states, self.imagine(states, actions, noises)
        order = rng.permutation(2 * ROWS)
        again = self.imagine(*([xs[i] for i in order] for xs in (before, actions, noises)))
        pairs = [(states[i], again[n]) for n, i in enumerate(order)]
        return all(same(a, b) for a, b in pairs) and self._same_words(states, order)

    def _same_words(self, states: list[State], order: np.ndarray) -> bool:
        some = list(order[: 2 * PICTURES])
        said, moved = self.predict(states), self.predict([states[i] for i in order])
        drawn = self.predict([states[i] for i in sorted(some)], self.images)
        other = self.predict([states[i] for i in some], self.images)
        pairs = [(said[i], moved[n]) for n, i in enumerate(order)]
        pairs += [(drawn[sorted(some).index(i)], other[n]) for n, i in enumerate(some)]
        return all(np.array_equal(a[k], b[k], equal_nan=True) for a, b in pairs for k in a)


def same(one: State, other: State) -> bool:
    """Whether two states are equal to the bit."""
    found: list[bool] = []

    def compare(a: Tensor, b: Tensor) -> Tensor:
        found.append(torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all()))
        return a

    map_state(compare, one, other)
    return all(found)


def _parts(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]


def _joined(rows: Sequence[State], size: int) -> State:
    """Rows [1, ...] as one state [size, ...]; the last is repeated to fill it."""
    full = [*rows, *[rows[-1]] * (size - len(rows))]
    return map_state(lambda *xs: torch.cat(xs), *full)


def _apart(state: State, count: int) -> list[State]:
    """The first rows of a state, each with memory of its own."""
    return [map_state(lambda x, i=i: x[i : i + 1].clone(), state) for i in range(count)]


def _plain(mean: Tensor, image: bool) -> np.ndarray:
    values = mean.float().cpu().numpy()
    return (255 * values.clip(0, 1) + 0.5).astype(np.uint8) if image else values
