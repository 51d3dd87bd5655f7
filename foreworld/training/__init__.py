"""THE loop: one gradient step for every family, offline or beside a world that is being explored.

trainer = Trainer(model, replay, Budget(updates=1000), LoopConfig(), logger, save)
trainer.train()
"""

from foreworld.training.budget import Budget, parse_duration
from foreworld.training.loop import Diverged, LoopConfig, Trainer
from foreworld.training.online import Collector
from foreworld.training.optimiser import OptimiserConfig

__all__ = [
    "Budget",
    "Collector",
    "Diverged",
    "LoopConfig",
    "OptimiserConfig",
    "Trainer",
    "parse_duration",
]
