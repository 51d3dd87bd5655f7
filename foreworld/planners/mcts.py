"""Monte Carlo tree search in a model's imagination, of B states at once: MuZero and Gumbel MuZero.

    found = Mcts(num_simulations=50).search(model, state)
    found.action    [B]     what to do          found.policy  [B, A]  what a policy should learn
    found.value     [B]     of the state        found.visits  [B, A]

rule="puct" is Schrittwieser et al. 2020 (appendix B), rule="gumbel" Danihelka et al. 2022. It asks
the model for the heads "reward", "value" and "policy", for "continue" where it has that, and for
"legal" [A], the actions that are allowed in the root. Where players take turns
(`specs["action"].turns`) values behind a move are the opponent's: their discount is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.errors import unknown
from foreworld.outputs import Categorical
from foreworld.planners import tree_rules as rules
from foreworld.planners.tree import Choose, Edges, Leaf, Tree, grow
from foreworld.vocab import LEGAL, Objective, Plan, State, WorldModel, map_state

NEEDED = ("reward", "value", "policy")


class Chance(NamedTuple):
    """Everything that a search leaves to chance, drawn beforehand."""

    gumbel: Tensor  # [B, A] standard Gumbel
    dirichlet: Tensor  # [B, A] shares that sum to 1


class Found(NamedTuple):
    """What a search found out about B states."""

    action: Tensor  # [B]
    policy: Tensor  # [B, A] shares of the visits (puct), the improved policy (gumbel)
    value: Tensor  # [B] mean of all that was found, in the eyes of whoever moves
    visits: Tensor  # [B, A]
    q: Tensor  # [B, A] 0 where never visited
    expected: Tensor  # [B] value of `policy`: unlike `value` not marred by what was only tried


@dataclass(frozen=True)
class Mcts:
    """A `Planner` of one step, for one discrete action; the objective is the model's own value."""

    rule: Literal["gumbel", "puct"] = "gumbel"
    num_simulations: int = 32
    max_depth: int | None = None  # moves looked ahead; None: as many as simulations
    explore: bool = False  # noise at the root, and the action drawn, as while collecting
    min_spread: float = 1e-8  # differences of Q below this are not blown up to [0, 1]
    max_considered: int = 16  # gumbel: actions drawn at the root
    value_scale: float = 0.1  # gumbel: c_scale of sigma
    visit_offset: float = 50.0  # gumbel: c_visit of sigma
    c_init: float = 1.25  # puct: c_1, how curious
    c_base: float = 19652.0  # puct: c_2
    value_range: tuple[float, float] | None = None  # puct: of Q; None: between the siblings
    dirichlet: float = 0.3  # puct: concentration of the noise at the root
    dirichlet_share: float = 0.25  # puct: of that noise in the prior
    temperature: float = 1.0  # puct: actions are drawn in proportion to visits ** (1 / temperature)

    def __post_init__(self) -> None:
        if self.num_simulations < 1 or self.max_considered < 1:
            raise ValueError(
                f"num_simulations={self.num_simulations}, max_considered={self.max_considered}: "
                "both start at 1"
            )

    def __call__(
        self,
        model: WorldModel,
        state: State,
        objective: Objective,
        *,
        seed: int,
        previous: Plan | None = None,
    ) -> Plan:
        """The best action, with every action [B, A, 1] as a candidate and its share as score.

        Neither the objective nor the previous plan is asked. Raises ValueError as `search`.
        """
        found = self.search(model, state, seed=seed)
        every = torch.arange(found.policy.shape[1], device=found.action.device)
        candidates = every.view(1, -1, 1).expand(len(found.action), -1, 1)
        scores = found.policy.masked_fill(~allowed(model, state), -torch.inf)
        return Plan(found.action.unsqueeze(1), candidates, scores)

    def search(
        self, model: WorldModel, state: State, chance: Chance | None = None, seed: int = 0
    ) -> Found:
        """Search from states [B]; chance: None draws it from the seed where `explore` is set.

        Raises ValueError for models that lack a head, and for actions that are no single class.
        """
        check(model)
        legal = allowed(model, state)
        if chance is None and self.explore:
            chance = draw(len(legal), legal.shape[1], self.dirichlet, seed, legal.device)
        with torch.inference_mode():  # a fifth faster than no_grad; copies may be trained on
            found = self._searched(model, state, legal, chance)
        return map_state(torch.clone, found)

    def _searched(
        self, model: WorldModel, state: State, legal: Tensor, chance: Chance | None
    ) -> Found:
        root, evaluate = look(model, state, model.discount), partial(imagined, model)
        tree = self._plant(root, state, legal, chance)
        depth = self.num_simulations if self.max_depth is None else self.max_depth
        gumbel = torch.zeros_like(root.logits) if chance is None else chance.gumbel
        choose = self._puct(legal) if self.rule == "puct" else self._gumbel(legal, gumbel)
        grow(tree, evaluate, choose, self.num_simulations, depth)
        return self._found(tree.look(tree.roots), legal, gumbel)

    def _plant(self, root: Leaf, state: State, legal: Tensor, chance: Chance | None) -> Tree:
        logits = root.logits
        if self.rule == "puct" and chance is not None:
            prior = torch.lerp(logits.softmax(-1), chance.dirichlet, self.dirichlet_share)
            logits = prior.clamp(min=rules.TINY).log()
        root = root._replace(logits=rules.masked(logits, legal))
        return Tree.planted(root, state, self.num_simulations + 1)

    def _puct(self, legal: Tensor) -> Choose:
        def choose(edges: Edges) -> Tensor:
            score = rules.puct(edges, self.c_init, self.c_base) + self._scaled(edges)
            score[: len(legal)].masked_fill_(~legal, -torch.inf)
            return score.argmax(-1)

        return choose

    def _scaled(self, edges: Edges) -> Tensor:
        if self.value_range is None:
            return rules.between_siblings(edges, self.min_spread)
        return rules.between(edges, *self.value_range)

    def _gumbel(self, legal: Tensor, gumbel: Tensor) -> Choose:
        schedule = rules.halving_schedule(self.max_considered, self.num_simulations)
        considered = legal.sum(-1).clamp(max=self.max_considered)
        schedule, size = schedule.to(legal.device)[considered], len(legal)  # [B, simulations]

        def choose(edges: Edges) -> Tensor:
            sigma = self._sigma(edges)
            actions = rules.in_proportion(edges, sigma)
            roots = map_state(lambda x: x[:size], edges)
            now = schedule.gather(1, roots.visits.sum(-1, keepdim=True).long()).squeeze(1)
            actions[:size] = rules.best(rules.halving(roots, gumbel, sigma[:size], now), legal)
            return actions

        return choose

    def _sigma(self, edges: Edges) -> Tensor:
        return rules.advantage(edges, self.value_scale, self.visit_offset, self.min_spread)

    def _found(self, root: Edges, legal: Tensor, gumbel: Tensor) -> Found:
        if self.rule == "puct":
            policy = root.visits / root.visits.sum(-1, keepdim=True)
            # Gumbel's trick draws in proportion to visits ** (1 / temperature).
            score = policy.clamp(min=rules.TINY).log() + self.temperature * gumbel
        else:
            sigma = self._sigma(root)
            policy = rules.masked(root.logits + sigma, legal).softmax(-1)
            score = rules.halving(root, gumbel, sigma, root.visits.amax(-1))
        action, value = rules.best(score, legal), root.node_value.squeeze(-1)
        expected = (policy * rules.completed(root)).sum(-1)
        return Found(action, policy, value, root.visits, root.q, expected)


def check(model: WorldModel) -> None:
    """Raises ValueError for models that can't be searched."""
    for head in NEEDED:
        if head not in model.heads:
            raise unknown("head for a tree search", head, model.heads)
    spec = model.specs["action"]
    if spec.classes is None or spec.shape:
        raise ValueError(
            f"a tree search tries every action, and this world's are {spec.kind} of shape "
            f"{list(spec.shape)}: it takes one discrete action; --policy icem plans with others"
        )


def allowed(model: WorldModel, state: State) -> Tensor:
    """Which actions [B, A] may be taken; all, where the model can't say, and where none is left."""
    rows, width = state.action.shape[0], model.specs["action"].width
    if LEGAL not in model.heads:
        return torch.ones(rows, width, dtype=torch.bool, device=model.device)
    legal = model.predict(state, [LEGAL])[LEGAL].mean.view(rows, width) > 0.5
    return legal | ~legal.any(-1, keepdim=True)


def draw(rows: int, width: int, dirichlet: float, seed: int, device: torch.device) -> Chance:
    """The chance of a seed; that of a row does not depend on how many rows follow."""
    gumbel = np.random.default_rng((seed, 0)).gumbel(size=(rows, width))
    shares = np.random.default_rng((seed, 1)).dirichlet([dirichlet] * width, rows)
    return Chance(*(torch.from_numpy(x).float().to(device) for x in (gumbel, shares)))


def look(model: WorldModel, state: State, discount: float) -> Leaf:
    """What the model says of states [B]."""
    more = [head for head in ("continue",) if head in model.heads]
    said = model.predict(state, [*NEEDED, *more])
    policy, reward = said["policy"], said["reward"].mean
    assert isinstance(policy, Categorical), f"the policy is a {type(policy).__name__}"
    going_on = said["continue"].mean if more else torch.ones_like(reward)
    return Leaf(policy.logits, said["value"].mean, reward, discount * going_on)


def imagined(model: WorldModel, state: State, action: Tensor) -> tuple[Leaf, State]:
    """What the model says of the states [B] that actions [B] lead to."""
    turned = -1.0 if model.specs["action"].turns else 1.0
    state = model.imagine(state, action.to(state.action.dtype))
    return look(model, state, turned * model.discount), state
