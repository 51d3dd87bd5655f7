"""Asks a model in training now and then how it is doing, and speaks up when something is wrong."""

from __future__ import annotations

from foreworld.log import CONSOLE
from foreworld.vocab import Batch, WorldModel

WATCHED_FROM = 0.1  # share of the budget before which nothing is expected of a model


class Watch:
    """Tells an alarm when it begins, not again while it lasts; `alarms` are those that last."""

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.alarms: tuple[str, ...] = ()

    def __call__(self, batch: Batch, spent: float) -> dict[str, float]:
        """What to log beside the losses; `spent`: share of the budget used."""
        values, alarms = self.model.diagnose(batch)
        alarms = alarms if spent >= WATCHED_FROM else ()
        if not self.alarms:
            for alarm in alarms:
                CONSOLE.print(f"alarm: {alarm}", style="bold red", highlight=False, soft_wrap=True)
        self.alarms = alarms
        watched = {f"watch/{name}": value for name, value in values.items()}
        return watched | ({"alarms": float(len(alarms))} if watched else {})
