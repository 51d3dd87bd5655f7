"""What every world model must do, one plain function a rule; `CHECKS` names them all.

Each takes a `Subject` and fails with an AssertionError that says what is wrong and where to look.
Row t is what was seen, the reward that came with it and the action chosen after it.
"""

from __future__ import annotations

from checks_form import (
    config_survives_json,
    features_are_flat,
    heads_can_be_chosen,
    losses_are_usable,
    predictions_have_shapes,
    saves_and_loads,
    states_are_values,
)
from checks_independence import (
    candidates_are_independent,
    noise_is_an_input,
    nothing_is_hidden,
    rows_are_independent,
)
from checks_learning import actions_matter, knows_when_actions_act, learns_the_toy
from checks_time import (
    forgets_at_a_reset,
    losses_do_not_peek,
    never_sees_targets,
    observes_in_pieces,
)
from subject import Check, Subject

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        states_are_values,
        features_are_flat,
        predictions_have_shapes,
        heads_can_be_chosen,
        losses_are_usable,
        config_survives_json,
        saves_and_loads,
        observes_in_pieces,
        losses_do_not_peek,
        forgets_at_a_reset,
        never_sees_targets,
        rows_are_independent,
        candidates_are_independent,
        noise_is_an_input,
        nothing_is_hidden,
        learns_the_toy,
        knows_when_actions_act,
        actions_matter,
    )
}


def failures(subject: Subject) -> dict[str, str]:
    """The checks that `subject` fails, and what they say."""
    failed = {}
    for name, check in CHECKS.items():
        try:
            check(subject)
        except AssertionError as error:
            failed[name] = str(error)
    return failed
