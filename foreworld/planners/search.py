"""What every planner shares: score candidates by imagining them, remember the last plan.

    codes [B, N, D, W] --hold, decode--> actions [B, N, H, ...] --imagine--> scores [B, N]

All rows share one stream of candidate noise, seeded by `seed`: a row's plan depends neither on the
other rows of the batch nor on how many there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from foreworld.planners.objectives import INFEASIBLE
from foreworld.planners.proposals import ActionSpace, Proposal, action_space, coloured_noise
from foreworld.vocab import Objective, Plan, State, WorldModel, repeat_state, rollout


@dataclass(frozen=True)
class SearchPlanner(ABC):
    """What planners that weigh candidates have in common; each has its own way to refine them."""

    horizon: int = 12  # world steps imagined
    num_candidates: int = 256
    iterations: int = 4
    action_block: int = 1  # steps that each decision is held for
    spread: float = 1.0  # std at the start; discrete warm starts: twice the uniform share
    colour: float = 0.0  # of the noise over time: 0 white, 1 pink, 2 red
    warm_start: bool = True  # begin from the previous plan where one is given
    num_samples: int | None = None  # futures imagined per candidate; None: the model's mode
    max_rows: int | None = None  # most states imagined at once; None: all

    @torch.no_grad()
    def __call__(
        self,
        model: WorldModel,
        state: State,
        objective: Objective,
        *,
        seed: int,
        previous: Plan | None = None,
    ) -> Plan:
        """Plan from states [B]; `previous` is the plan made one step before.

        Raises ValueError for unbounded actions and where a row has no finite score.
        """
        return self.refined(begin(self, model, state, objective, seed), previous)

    @abstractmethod
    def refined(self, search: Search, previous: Plan | None) -> Plan:
        """The plan of a search that has not drawn anything yet."""


@dataclass(frozen=True)
class SamplingPlanner(SearchPlanner):
    """A planner that draws its candidates from a proposal, again and again."""

    smoothing: float = 0.1  # share of the old proposal that stays in the new one
    min_spread: float = 0.05  # std, or uniform share, that always remains


@dataclass(frozen=True)
class Search:
    """One planning problem: from these states, with this model, by this objective."""

    settings: SearchPlanner
    model: WorldModel
    state: State
    objective: Objective
    seed: int
    space: ActionSpace
    generator: torch.Generator

    @property
    def num_rows(self) -> int:
        return self.state.action.shape[0]

    @property
    def num_decisions(self) -> int:
        return -(-self.settings.horizon // self.settings.action_block)  # the last may be shorter

    def noise(self, num: int) -> Tensor:
        """Candidate noise [num, D, W]; the first is zero: the proposal's centre is a candidate."""
        shape = num, self.num_decisions, self.space.width
        noise = coloured_noise(*shape, self.settings.colour, self.generator)
        noise[0] = 0
        return noise.to(self.model.device)

    def actions(self, codes: Tensor) -> Tensor:
        """Codes [B, ..., D, W] -> actions [B, ..., H, ...] in the world's units, decisions held."""
        held = codes.repeat_interleave(self.settings.action_block, dim=-2)
        return self.space.decode(held[..., : self.settings.horizon, :])

    def codes(self, actions: Tensor, time: int) -> Tensor:
        """Actions with H at dimension `time` -> the codes of its decisions."""
        decisions = torch.arange(self.num_decisions, device=actions.device)
        return self.space.encode(actions.index_select(time, decisions * self.settings.action_block))

    def start(self, previous: Plan | None) -> Proposal:
        """The first proposal: around the previous plan, one step on, in rows that have one."""
        if previous is None or not self.settings.warm_start:
            codes = torch.zeros(self.num_rows, self.num_decisions, self.space.width)
            codes, known = codes.to(self.model.device), torch.zeros(self.num_rows, dtype=torch.bool)
        else:
            self._check(previous)
            codes = self.codes(advance(previous, 1).actions, 1)
            known = previous.scores.isfinite().any(1)
        return self.space.proposal(codes, known.to(codes.device), self.settings.spread)

    def _check(self, previous: Plan) -> None:
        given, needed = previous.actions.shape[:2], (self.num_rows, self.settings.horizon)
        if given != needed:
            raise ValueError(
                f"the previous plan covers (rows, steps) = {tuple(given)}, this one {needed}: "
                "warm starts need the same number of rows and the same horizon"
            )

    def scores(self, codes: Tensor) -> Tensor:
        """Scores [B, N]; raises ValueError where no candidate of a row has a finite score."""
        scores = self.raw_scores(codes)
        broken = scores.amax(1).isneginf()
        if broken.any():
            raise ValueError(
                f"no candidate has a finite score in rows {broken.nonzero().flatten().tolist()}: "
                "the model or the objective gave NaN or inf for all; look at model.predict(state)"
            )
        return scores

    def raw_scores(self, codes: Tensor) -> Tensor:
        """Scores [B, N]; candidates whose score is not a finite number get -inf."""
        size = codes.shape[1]
        if self.settings.max_rows is not None:
            rows_each = self.num_rows * (self.settings.num_samples or 1)
            size = max(1, self.settings.max_rows // rows_each)
        scores = torch.cat([self._score(self.actions(c)) for c in codes.split(size, 1)], 1)
        return scores.masked_fill(~scores.isfinite(), -torch.inf)

    def _score(self, actions: Tensor) -> Tensor:
        """Actions [B, N, H, ...] -> scores [B, N], the mean over samples of common noise."""
        num_rows, num = actions.shape[:2]
        samples = self.settings.num_samples or 1
        state = repeat_state(self.state, num * samples)
        flat = actions.flatten(0, 1).repeat_interleave(samples, 0)
        noise = None
        if self.settings.num_samples is not None:
            noise = self.model.noise(samples, self.settings.horizon, self.seed).to(flat.device)
            noise = noise.repeat(num_rows * num, *[1] * (noise.ndim - 1))
        scores = self.objective(self.model, rollout(self.model, state, flat, noise), flat)
        if scores.shape != flat.shape[:1]:
            raise ValueError(
                f"the objective returned shape {tuple(scores.shape)}, expected one score per "
                f"future, ({len(flat)},)"
            )
        scores = scores.view(num_rows, num, samples)
        worst = scores.amin(-1)
        return torch.where(worst <= INFEASIBLE, worst, scores.mean(-1))


def begin(
    settings: SearchPlanner, model: WorldModel, state: State, objective: Objective, seed: int
) -> Search:
    """Set a search up; raises ValueError for settings or actions that cannot be planned with."""
    for name in ("horizon", "action_block", "iterations", "num_candidates"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name}={getattr(settings, name)} of a planner; valid: 1 or more")
    space = action_space(model.specs["action"], model.device)
    generator = torch.Generator().manual_seed(seed)  # on the CPU: one stream on every device
    return Search(settings, model, state, objective, seed, space, generator)


class Candidates(NamedTuple):
    """Some action sequences and what they are worth."""

    codes: Tensor  # [B, N, D, W]
    scores: Tensor  # [B, N]


def best(candidates: Candidates, num: int) -> Candidates:
    """The `num` best (or all, if there are fewer), best first."""
    codes, scores = candidates
    top = scores.topk(min(num, scores.shape[1]), dim=1)
    index = top.indices[:, :, None, None].expand(-1, -1, *codes.shape[2:])
    return Candidates(codes.gather(1, index), top.values)


def join(first: Candidates | None, second: Candidates) -> Candidates:
    """Both, row by row."""
    if first is None:
        return second
    return Candidates(*(torch.cat(pair, 1) for pair in zip(first, second, strict=True)))


def counted(scores_BK: Tensor) -> Tensor:
    """Which scores count: finite ones, and of those only the feasible where a row has any."""
    feasible = scores_BK > INFEASIBLE
    return torch.where(feasible.any(1, keepdim=True), feasible, scores_BK.isfinite())


def refine(
    search: Search,
    proposal: Proposal,
    weigh: Callable[[Tensor], Tensor],
    *,
    sizes: Sequence[int],
    num_elites: int,
    smoothing: float,
    min_spread: float,
    kept: Candidates | None = None,
    num_kept: int = 0,
    beside: Tensor | None = None,
) -> Plan:
    """Draw, score, move the proposal to its elites, again; `sizes`: how many to draw each time.

    weigh: elite scores [B, K], best first -> weights [B, K] that sum to one. The `num_kept` best
    stay among the candidates of the next iteration; `kept` are there in the first, and the codes
    `beside` [B, N, D, W] in all.
    """
    found = always = None
    for size in sizes:
        codes = proposal.draw(search.noise(size))
        if beside is not None:  # imagined once, together with the first that are drawn
            codes = torch.cat([beside, codes], 1)
        drawn = Candidates(codes, search.scores(codes))
        pool = join(kept, join(always, drawn))
        if beside is not None:
            num, beside = beside.shape[1], None
            always = Candidates(drawn.codes[:, :num], drawn.scores[:, :num])
        elites = best(pool, num_elites)
        proposal = proposal.fit(elites.codes, weigh(elites.scores), smoothing, min_spread)
        found = best(join(found, best(elites, 1)), 1)
        kept = best(elites, num_kept) if num_kept else None
    assert found is not None, "no sizes"
    chosen = _centre_or(found, search, proposal, elites)
    pool = join(chosen, pool)
    return Plan(search.actions(chosen.codes[:, 0]), search.actions(pool.codes), pool.scores)


def _centre_or(
    found: Candidates, search: Search, proposal: Proposal, elites: Candidates
) -> Candidates:
    """The centre of the final proposal; where it is worse than all elites, what was found.

    The best of many candidates is the one that a wrong model flatters most, the centre averages
    that out. But the centre of two good ways round an obstacle leads into it.
    """
    codes = proposal.centre[:, None]
    scores = search.raw_scores(codes)
    worst = elites.scores.masked_fill(~counted(elites.scores), torch.inf).amin(1, keepdim=True)
    good = scores >= worst
    codes = torch.where(good[:, :, None, None], codes, found.codes)
    return Candidates(codes, torch.where(good, scores, found.scores))


def advance(plan: Plan, steps: int) -> Plan:
    """The plan as it looks `steps` steps later: what was done is gone, the last action goes on.

    Planners advance `previous` by one step themselves; this is for further steps executed since.
    """
    horizon = plan.actions.shape[1]
    index = (torch.arange(horizon, device=plan.actions.device) + steps).clamp(max=horizon - 1)
    return plan._replace(
        actions=plan.actions.index_select(1, index),
        candidates=plan.candidates.index_select(2, index),
    )


def forget(plan: Plan, rows: Tensor) -> Plan:
    """Rows [B] (bool) begin anew: their scores become -inf, which planners read as no plan."""
    return plan._replace(scores=plan.scores.masked_fill(rows[:, None], -torch.inf))
