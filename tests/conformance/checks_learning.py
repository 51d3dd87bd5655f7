"""A few hundred updates are enough to foresee the toy world."""

from __future__ import annotations

import torch
from subject import CONTEXT, HORIZON, Subject, imagined
from torch import Tensor

from foreworld.vocab import Batch, predict_all


def learns_the_toy(subject: Subject) -> None:
    """Held-out futures are predicted better than by copying the last row or by the mean."""
    batch = subject.windows(128, CONTEXT + HORIZON, seed=99)
    errors, copies = _errors(subject, batch), _copy_errors(subject, batch)
    assert errors, "no head tells anything that the toy knows (image, position, far, reward)"
    mean = sum(errors[head] / min(1.0, copies[head]) for head in errors) / len(errors)
    numbers = {head: (round(errors[head], 3), round(copies[head], 3)) for head in errors}
    assert mean < 0.7, f"{mean:.2f} of the better baseline's error; (model, copy): {numbers}"


def knows_when_actions_act(subject: Subject) -> None:
    """The action of row t leads to row t + 1: shifted by one, either way, prediction is worse."""
    batch = subject.windows(128, CONTEXT + HORIZON + 2, seed=98)
    actions = batch["action"]
    middle = {key: value[:, 1:-1] for key, value in batch.items()}
    totals = {}
    for shift in (-1, 0, 1):
        shifted = actions[:, 1 + shift : actions.shape[1] - 1 + shift]
        errors = _errors(subject, {**middle, "action": shifted}).values()
        totals[shift] = sum(errors) / max(1, len(errors))
    numbers = {shift: round(total, 3) for shift, total in totals.items()}
    lowest = totals[0] < 0.75 * min(totals[-1], totals[1])
    assert lowest, f"error with actions shifted by -1, 0, +1: {numbers}; it must be lowest at 0"


def _errors(subject: Subject, batch: Batch) -> dict[str, float]:
    """Squared error of open-loop predictions, in variances of the truth; images by brightness."""
    said = predict_all(subject.model, imagined(subject.model, batch), subject.scored)
    return {head: _relative(said[head], _truth(batch, head)) for head in subject.scored}


def _copy_errors(subject: Subject, batch: Batch) -> dict[str, float]:
    errors = {}
    for head in subject.scored:
        last = batch[head][:, CONTEXT - 1 : CONTEXT].float() / (255 if head == "image" else 1)
        errors[head] = _relative(last, _truth(batch, head))
    return errors


def _truth(batch: Batch, head: str) -> Tensor:
    truth = batch[head][:, CONTEXT : CONTEXT + HORIZON].float()
    return truth / 255 if head == "image" else truth


def _relative(said: Tensor, truth: Tensor) -> float:
    spread = (truth - truth.flatten(0, 1).mean(0)).square().mean()
    return float((said - truth).square().mean() / spread)


def actions_matter(subject: Subject) -> None:
    """Between two plans from one start, the predicted difference follows the true one."""
    length = CONTEXT + HORIZON
    batch = subject.windows(64, length, seed=97)
    right, left = (_steered(subject, batch, where) for where in ("right", "left"))
    said = [
        predict_all(subject.model, imagined(subject.model, b), subject.scored)
        for b in (right, left)
    ]
    found = {}
    for head in subject.scored:
        true = (_truth(right, head) - _truth(left, head)).flatten()
        predicted = (said[0][head] - said[1][head]).flatten()
        # The slope of predicted on true differences: 1 is perfect, 0 heeds no action.
        found[head] = round(float((true * predicted).sum() / true.square().sum()), 3)
    assert found and max(found.values()) > 0.5, f"share of the true difference predicted: {found}"


def _steered(subject: Subject, batch: Batch, where: str) -> Batch:
    """The same starts, the same first rows, then always to one side."""
    actions = batch["action"].clone()
    side = {"right": 1, "left": -1}[where]
    if subject.discrete:
        actions[:, CONTEXT - 1 :] = {-1: 1, 1: 2}[side]
    else:
        actions[:, CONTEXT - 1 :] = torch.tensor([float(side), 0.0])
    return subject.windows(*actions.shape[:2], seed=97, actions=actions)
