"""What a model's own policy would do, as candidates: a head "policy" is a prediction of actions."""

from __future__ import annotations

import torch
from torch import Tensor

from foreworld.planners.search import Search
from foreworld.vocab import repeat_state


def policy_codes(search: Search, num: int) -> Tensor | None:
    """Codes [B, num, D, W] of futures in which the policy acts, drawn anew at every decision.

    None for none, and where the model has no such head. All rows share their noise, like other
    candidates.
    """
    model, settings = search.model, search.settings
    if not num or "policy" not in model.heads:
        return None
    noise = torch.randn(num, search.num_decisions, search.space.width, generator=search.generator)
    noise = noise.to(model.device).repeat(search.num_rows, 1, 1)
    state, actions = repeat_state(search.state, num), []
    for step in range(settings.horizon):
        decision, held = divmod(step, settings.action_block)
        if not held:
            action = model.predict(state, ["policy"])["policy"].sample(noise[:, decision])
        actions.append(action)
        if step + 1 < settings.horizon:
            state = model.imagine(state, action)
    return search.codes(torch.stack(actions, 1), 1).unflatten(0, (search.num_rows, num))
