"""Models with one thing wrong each, and the checks that must notice: the suite's own test.

All are made from the example family, which passes every check. They take over its trained weights,
so that nothing but the fault itself can show; those in `TRAINED` learn with their fault.
"""

from __future__ import annotations

from pathlib import Path

import torch

from foreworld.reference import locate
from foreworld.vocab import observation_keys

EXAMPLE = Path(__file__).parents[2] / "examples" / "linear_family.py"
Linear = locate(f"{EXAMPLE}:Linear")


class Peeker(Linear):
    """Looks at the next row in place of its own, where there is a next."""

    def scan(self, state, batch):
        last = batch["is_first"].shape[1] - 1
        next = [min(t + 1, last) for t in range(last + 1)]
        ahead = {k: batch[k][:, next] for k in observation_keys(self.specs)}
        return super().scan(state, {**batch, **ahead})


class Unforgetful(Linear):
    """Goes on believing across `is_first`."""

    def scan(self, state, batch):
        return super().scan(state, {**batch, "is_first": torch.zeros_like(batch["is_first"])})


class Deaf(Linear):
    """Heeds no action."""

    def imagine(self, state, action, noise=None):
        return super().imagine(state, torch.zeros_like(action), noise)


class Late(Linear):
    """Believes that the action of row t led *to* row t, as some data sets have it."""

    def scan(self, state, batch):
        state = state._replace(action=batch["action"][:, 0])
        states, surprises = super().scan(state, {**batch, "action": batch["action"].roll(-1, 1)})
        return states._replace(action=batch["action"]), surprises


class Mixer(Linear):
    """Lets the rows of a batch see each other when it imagines."""

    def imagine(self, state, action, noise=None):
        latent = state.latent - 0.01 * state.latent.mean(0)
        return super().imagine(state._replace(latent=latent), action, noise)


class Counter(Linear):
    """Counts in a buffer how often it was used."""

    def __init__(self, specs, config):
        super().__init__(specs, config)
        self.register_buffer("calls", torch.zeros(()))

    def imagine(self, state, action, noise=None):
        self.calls += 1
        return super().imagine(state, action, noise)


class Writer(Linear):
    """Notes the action in the state it was given: the caller's."""

    def imagine(self, state, action, noise=None):
        state.action.copy_(action)
        return super().imagine(state, action, noise)


class Restless(Linear):
    """Throws its own dice, whatever noise it is given."""

    def imagine(self, state, action, noise=None):
        new = super().imagine(state, action, noise)
        return new._replace(latent=new.latent + 1e-6 * torch.randn_like(new.latent))


class Cheat(Linear):
    """Looks at `far`, which it is to predict."""

    def scan(self, state, batch):
        if "far" in batch:
            batch = {**batch, "position": batch["position"] + 0.01 * batch["far"].unsqueeze(-1)}
        return super().scan(state, batch)


class Silent(Linear):
    """Ignores the choice of heads."""

    def predict(self, state, heads=None):
        return super().predict(state)


EXPECTED = {
    Peeker: {"observes_in_pieces", "losses_do_not_peek"},
    Unforgetful: {"forgets_at_a_reset"},
    Deaf: {"learns_the_toy", "knows_when_actions_act", "actions_matter"},
    Late: {"learns_the_toy", "knows_when_actions_act"},  # they matter to it, one step late
    Mixer: {"rows_are_independent", "candidates_are_independent"},
    Counter: {"nothing_is_hidden"},
    Writer: {"nothing_is_hidden"},
    Restless: {"saves_and_loads", "never_sees_targets", "noise_is_an_input", "nothing_is_hidden"},
    Cheat: {"never_sees_targets"},
    Silent: {"heads_can_be_chosen"},
}
TRAINED = (Late,)
