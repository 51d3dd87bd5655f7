"""Planners search imagined futures for the actions that score best.

Objectives say what best means::

    plan = Cem(horizon=12)(model, state, RewardObjective(), seed=0)
    plan.actions[:, 0]  # what to do now, in the world's units
"""

from foreworld.planners.cem import Cem
from foreworld.planners.disagreement import DisagreementObjective, Ensemble, EnsembleConfig
from foreworld.planners.gradient import Gradient
from foreworld.planners.icem import Icem
from foreworld.planners.mcts import Mcts
from foreworld.planners.mppi import Mppi
from foreworld.planners.objectives import (
    CostLimitObjective,
    GoalObjective,
    PredicateObjective,
    RewardObjective,
    WeightedObjective,
    goal_features,
)
from foreworld.planners.search import advance, forget

__all__ = [
    "Cem",
    "CostLimitObjective",
    "DisagreementObjective",
    "Ensemble",
    "EnsembleConfig",
    "GoalObjective",
    "Gradient",
    "Icem",
    "Mcts",
    "Mppi",
    "PredicateObjective",
    "RewardObjective",
    "WeightedObjective",
    "advance",
    "forget",
    "goal_features",
]
