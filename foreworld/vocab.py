"""The words every room shares: what a key looks like, how time is written, what a world model does.

Time is written once. Row t holds what the world showed, the reward that arrived with it, the flags,
and the action chosen *after* seeing it::

    t            0    1    2    3
    observation  o0   o1   o2   o3
    reward       0    r1   r2   r3
    is_first     1    0    0    0
    is_last      0    0    0    1     is_terminal: the world ended (not: the clock ran out)
    action       a0   a1   a2   -     a_t leads from o_t to o_{t+1}

Dimension key, used as suffixes inside models and planners (`embed_BTE`, `actions_BNHA`):
B batch, T time, H horizon, N candidates, A action, E embedding, D features, K noise, C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

KINDS = ("image", "vector", "discrete", "text")
FLAGS = ("is_first", "is_last", "is_terminal")
LEGAL = "legal"  # key of a world whose actions are not always allowed: which are, [A] of 0 and 1
PRESENT = "present."  # prefix of keys that say where another was recorded; it is zeros elsewhere
RECORDED = "recorded"  # key of recorded actions in whose place a model has its own
CONTROL = ("action", "reward", *FLAGS)  # everything in a step that is not an observation


@dataclass(frozen=True)
class Spec:
    """Shape, dtype, kind, bounds and unit of one key at one instant.

    image: uint8 [height, width, channels]. vector: floats of any shape. discrete: integers,
    `classes` gives the number of values of each component (shape [] for one). text: UTF-8 bytes,
    zero padded. `observed=False` marks a training target that the model may predict and never sees.
    `names`: what each number of a vector is, row-major; "cup.x" is number x of the thing cup.
    `goal_of="image"` marks what the key `image` should become: for policies only, and not stored.
    `record=True` marks what is stored for its own sake (a simulator's state), and not for models.
    `turns=True` marks the action of a game for two: players choose it by turns, a row shows what
    whoever moves next sees, and its reward is that of the player who moved last.
    """

    shape: tuple[int, ...]
    dtype: str
    kind: str
    low: float | tuple[float, ...] | None = None
    high: float | tuple[float, ...] | None = None
    classes: tuple[int, ...] | None = None
    unit: str | None = None
    observed: bool = True
    names: tuple[str, ...] | None = None
    goal_of: str | None = None
    record: bool = False
    turns: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; valid kinds: {', '.join(KINDS)}")
        if (self.kind == "discrete") != (self.classes is not None):
            raise ValueError(f"{self.kind!r}, classes={self.classes}: discrete keys have classes")
        if self.names is not None and len(self.names) != self.width:
            raise ValueError(f"{len(self.names)} names for {self.width} numbers: one each")
        np.dtype(self.dtype)

    @property
    def width(self) -> int:
        """How many numbers describe one instant (one-hot length for a discrete key)."""
        return sum(self.classes) if self.classes else int(np.prod(self.shape, dtype=int))

    def to_json(self) -> dict[str, Any]:
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) != f.default}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        return cls(**cast(Any, {k: tuple(v) if type(v) is list else v for k, v in data.items()}))


Specs = Mapping[str, Spec]  # observation keys and targets, plus "action"
Step = Mapping[str, np.ndarray]  # one instant of N parallel worlds, every array [N, ...]
Batch = Mapping[str, Tensor]  # what replay hands out, every tensor [B, T, ...]
State = Any  # one latent instant: a NamedTuple of tensors [B, ...] with a leaf `action`
S = TypeVar("S")


def observation_keys(specs: Specs) -> list[str]:
    """Keys a model gets to see, in a fixed order."""
    return sorted(k for k in target_keys(specs) if specs[k].observed)


def target_keys(specs: Specs) -> list[str]:
    """Keys a model may be asked to predict: what it sees, and what only training sees."""
    return sorted(k for k, s in lasting(specs).items() if k not in CONTROL and not s.record)


def lasting(specs: Specs) -> dict[str, Spec]:
    """The specs without goals: what is stored, and what models are built for."""
    return {key: spec for key, spec in specs.items() if spec.goal_of is None}


def goals_of(specs: Specs) -> dict[str, str]:
    """Goal key -> the key that should become so."""
    return {key: spec.goal_of for key, spec in specs.items() if spec.goal_of is not None}


@dataclass(frozen=True)
class Episode:
    """The steps of one life, arrays [T, ...] in the time convention above; never written to."""

    steps: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.steps["is_first"])

    def __getitem__(self, key: str) -> np.ndarray:
        return self.steps[key]


class Prediction(Protocol):
    """What a head says about one key: a distribution, or a point estimate."""

    @property
    def mean(self) -> Tensor: ...
    def sample(self, noise: Tensor) -> Tensor: ...
    def loss(self, target: Tensor) -> Tensor: ...  # event dimensions summed, batch dimensions kept


class Loss(NamedTuple):
    """Losses by name, one or two dims, and states [N] to imagine from."""

    losses: dict[str, Tensor]
    starts: State


@dataclass(frozen=True)
class Phase:
    """One stretch of training: which loss, which parameters, which share of the budget."""

    name: str
    loss: Callable[[Batch], Loss]
    share: float = 1.0
    trains: tuple[str, ...] | None = None  # submodules; None: all; (): none, a learner's phase
    rate: float = 1.0  # factor on the learning rate
    length: int | None = None  # steps in a window (as many steps in a batch); None: the loop's
    keys: tuple[str, ...] | None = None  # read of a step besides action and flags; None: all
    times: int = 1  # as many steps in a batch as the loop's
    watched: bool = True  # whether `diagnose` has anything to say yet
    rates: Mapping[str, float] = field(default_factory=dict)  # factors on that of submodules


class Diagnosis(NamedTuple):
    """How a model is doing, beyond its losses."""

    values: dict[str, float]  # to be watched, by name
    alarms: tuple[str, ...] = ()  # what is wrong and what to do, one sentence each


class WorldModel(nn.Module, ABC):
    """A machine that folds what it sees into a state and says what follows.

    Built as `Family(specs, config)`, with its config class as `Config`. No hidden buffers: what
    changes is in the `State`, whose `action` is the one chosen there (zeros until then).
    """

    Config: type
    specs: Specs
    config: Any
    heads: tuple[str, ...]  # that `predict` answers to: target keys, "reward", "continue", ...
    caches: tuple[str, ...] = ()  # fields of its state that only `imagine` reads
    discount: float = 1.0  # per step, of the rewards that a head "value" foresees

    @abstractmethod
    def initial(self, batch_size: int) -> State:
        """Belief before anything was seen, leaves [B, ...]."""

    @abstractmethod
    def observe(self, state: State, batch: Batch) -> State:
        """Fold T real steps [B, T, ...] in; the last state [B]. Rows with `is_first` forget."""

    @abstractmethod
    def imagine(self, state: State, action: Tensor, noise: Tensor | None = None) -> State:
        """One step with eyes closed: action [B, ...] in the world's units, noise [B, K] or None."""

    @abstractmethod
    def predict(self, state: State, heads: Sequence[str] | None = None) -> dict[str, Prediction]:
        """What the state says about each head; `heads` limits the work to those asked for."""

    @abstractmethod
    def features(self, state: State) -> Tensor:
        """One flat vector [B, D]: probes, goals, maps, surprise."""

    @abstractmethod
    def loss(self, batch: Batch) -> Loss:
        """Named training losses for a batch [B, T, ...]."""

    @abstractmethod
    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        """What `horizon` calls of `imagine` consume, [B, H, K]; same seed, same noise."""

    def temper(self, noise: Tensor, temperature: float) -> Tensor:
        """Noise for dreams wilder (above 1) or tamer than the world, where a family has such."""
        if temperature != 1:
            raise ValueError(f"temperature={temperature}: {type(self).__name__} dreams at 1 only")
        return noise

    def phases(self) -> list[Phase]:
        """The stretches of training, in order."""
        return [Phase("world", self.loss)]

    def own(self, batch: Batch) -> Batch:
        """The batch with actions as the model has them; most have those that were recorded."""
        return batch

    def cells(self) -> list[nn.Module]:
        """Small modules called once a step, worth compiling."""
        return []

    def diagnose(self, batch: Batch) -> Diagnosis:
        """What training should watch on a batch [B, T, ...]; most families watch their losses."""
        return Diagnosis({})

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


class Plan(NamedTuple):
    """What a planner decided and what it weighed."""

    actions: Tensor  # [B, H, ...] in the world's units
    candidates: Tensor  # [B, N, H, ...] of the last iteration
    scores: Tensor  # [B, N] of those candidates, higher is better


class Objective(Protocol):
    """Scores [M] of imagined futures, higher is better: states [M, H, ...] *after* each action."""

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor: ...


class Planner(Protocol):
    """Searches the imagined futures of `state` for the actions that score best."""

    def __call__(
        self,
        model: WorldModel,
        state: State,
        objective: Objective,
        *,
        seed: int,
        previous: Plan | None = None,
    ) -> Plan: ...


class Policy(Protocol):
    """Chooses for N worlds: arrays [N, ...] with `is_first` -> a new carry, actions [N, ...]."""

    def init(self, num_envs: int) -> Any: ...
    def act(self, carry: Any, step: Step) -> tuple[Any, np.ndarray]: ...


def map_state(fn: Callable[..., Tensor], first: S, *others: S) -> S:
    """Apply `fn` leaf by leaf to states of one shape; leaves may be nested tuples or None."""
    if first is None or isinstance(first, Tensor):
        return cast(S, None if first is None else fn(first, *others))
    leaves = [map_state(fn, *g) for g in zip(cast(Any, first), *cast(Any, others), strict=True)]
    return cast(S, type(first)(*leaves) if hasattr(first, "_fields") else tuple(leaves))


def repeat_state(state: S, times: int) -> S:
    """Every row `times` times in a row: [B, ...] -> [B * times, ...]."""
    return map_state(lambda x: x.repeat_interleave(times, dim=0), state)


def stack_states(states: Sequence[S], dim: int = 1) -> S:
    """States of successive instants, leaves [B, ...], as one with leaves [B, H, ...]."""
    return map_state(lambda *xs: torch.stack(xs, dim), *states)


def rollout(model: WorldModel, state: State, actions: Tensor, noise: Tensor | None = None) -> State:
    """Imagine H steps: actions [B, H, ...], noise [B, H, K] or None -> states [B, H, ...]."""
    states = []
    for h in range(actions.shape[1]):
        state = model.imagine(state, actions[:, h], None if noise is None else noise[:, h])
        states.append(state._replace(**dict.fromkeys(model.caches)))  # many are kept, to be read
    return stack_states(states)


def predict_all(
    model: WorldModel, states: State, heads: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """Predicted means of states with leaves [B, H, ...] as tensors [B, H, ...]."""
    said = model.predict(map_state(lambda x: x.flatten(0, 1), states), heads)
    return {k: p.mean.unflatten(0, states[0].shape[:2]) for k, p in said.items()}
