"""What latent actions are worth: whether they are used, mean something, and mean what was done.

    values            without labels                             with recorded actions
    codes_used        of the codes, how many are chosen          nmi       of code and action
    usage_entropy     1: all alike, 0: one alone                 accuracy  codes as names of actions
    delta_psnr        dB between own and other codes (Genie)
    elsewhere         share of the unforeseen that no code tells

All codes are in use in a model that follows a television in place of the hand: usage tells nothing
of meaning. What can be known without a single label is whether something moves besides: change
that neither the past nor the code foretells, somewhere that no code has a say. Then two things act
on their own, codes follow one of them, and which of the two is the hand nobody can tell but by
labels, or by a mask. So `elsewhere` warns; with recorded actions `nmi` decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from foreworld.families.genie_finder import Steps
from foreworld.families.scales import Scale, Scales
from foreworld.vocab import Diagnosis

CELL = 4  # pixels on a side of what is told or not
TOLD = 0.5  # share of a cell's unforeseen change that a code must tell to have a say there
MOST_ELSEWHERE, LEAST_NMI, LEAST_DB = 0.6, 0.2, 0.5  # beyond which there is an alarm
LOOKED_AT = 256  # steps, at most, for which the pictures of all codes are drawn
STILL = 0.25  # of the largest component of any action: less is no direction
FEW = 32  # different actions that are classes of their own

LABELS = "have some of the actions read, as in --set labels=0.025"


Tell = Callable[[Mapping[str, Tensor], Tensor], dict[str, Tensor]]


def diagnose_codes(
    codes: Tensor, unit: Tensor, tell: Tell, steps: Steps, scales: Scales, recorded: Tensor | None
) -> Diagnosis:
    """Of codes [N] as read from N steps, and what `tell` foretells by the vectors `unit` [K, C].

    recorded: actions [B, T, ...] of all rows, if anybody noted them.
    """
    share = torch.bincount(codes, minlength=len(unit)) / len(codes)
    some = torch.linspace(0, len(codes) - 1, min(len(codes), LOOKED_AT)).long().to(codes.device)
    before = {k: x[some] for k, x in steps.before.items()}
    every = [tell(before, vector.expand(len(some), -1)) for vector in unit]
    seen = []
    for key, after in steps.after.items():
        told = torch.stack([said[key] for said in every], 1)
        seen.append(_errors(codes[some], share, told, after[some], scales[key]))
    blind, own, other = (torch.cat(x, 1) for x in zip(*seen, strict=True))  # [N', cells]
    values = {
        "codes_used": float((share > 0).sum()),
        "usage_entropy": entropy(share) / math.log(len(unit)),
        "delta_psnr": float(10 * (other.sum() / own.sum().clamp(min=1e-9)).log10()),
        "elsewhere": float(blind[own > TOLD * blind].sum() / blind.sum().clamp(min=1e-9)),
    }
    if recorded is not None and recorded.shape[2:] != (0,):
        done = classes(recorded[steps.row, steps.t - 1])
        values |= {"nmi": nmi(codes, done), "accuracy": accuracy(codes, done)}
    return Diagnosis(values, alarms(values))


def alarms(values: Mapping[str, float]) -> tuple[str, ...]:
    """What is wrong, and what to do."""
    found = []
    if values["delta_psnr"] < LEAST_DB:
        found.append(
            f"codes decide nothing: {values['delta_psnr']:.2f} dB between what comes of the own "
            "and of another; train longer, or lower patience"
        )
    elif values.get("nmi", 1.0) < LEAST_NMI:
        found.append(
            f"codes are not the recorded actions (NMI {values['nmi']:.2f}): they follow something "
            f"else that moves; {LABELS}"
        )
    elif values["elsewhere"] > MOST_ELSEWHERE and "nmi" not in values:
        found.append(
            f"{values['elsewhere']:.0%} of what nobody could foresee happens where codes have no "
            "say: something else moves by itself, and without labels nobody knows which of the "
            f"two they follow; {LABELS}, or record the hand alone"
        )
    return tuple(found)


def _errors(
    codes: Tensor, share: Tensor, told: Tensor, after: Tensor, scale: Scale
) -> tuple[Tensor, Tensor, Tensor]:
    """Squared errors [N, cells] of one key without its code, with it, and on average with any.

    told: by each code [N, K, ...]; what is said without one is their mean by `share` [K]. Pixels
    count in the range of a picture, numbers in deviations.
    """
    blind = (told * share.view(-1, *[1] * (after.ndim - 1))).sum(1)
    own = told[torch.arange(len(codes), device=codes.device), codes]
    unit = scale.std.square() if scale.image else torch.ones_like(scale.std)
    errors = (blind - after).square(), (own - after).square()
    other = (told - after.unsqueeze(1)).square().mean(1)
    blind, own, other = (_cells(unit * e, scale.image) for e in (*errors, other))
    return blind, own, other


def _cells(errors: Tensor, image: bool) -> Tensor:
    """[N, H, W, C] -> one number a square of pixels, [N, D] as it is: [N, cells]."""
    if not image:
        return errors.flatten(1)
    return F.avg_pool2d(errors.sum(-1, keepdim=True).movedim(-1, 1), CELL).flatten(1)


def classes(actions: Tensor) -> Tensor:
    """Actions [N, ...] as classes [N]: each that occurs, or the main direction where many do."""
    flat = actions.reshape(len(actions), -1)
    kinds, found = flat.unique(dim=0, return_inverse=True)
    if len(kinds) <= FEW or not actions.is_floating_point():
        return found
    size, axis = flat.abs().max(1)
    direction = 1 + 2 * axis + (flat.gather(1, axis.unsqueeze(1)).squeeze(1) > 0)
    return torch.where(size < STILL * flat.abs().max(), 0, direction)


def entropy(share: Tensor) -> float:
    """In nats, of shares [K] that sum to 1."""
    return float(-(share * share.clamp(min=1e-12).log()).sum())


def together(codes: Tensor, done: Tensor) -> Tensor:
    """How often each code went with each class, [K, A]."""
    width = int(done.max()) + 1
    pairs = torch.bincount(codes * width + done, minlength=(int(codes.max()) + 1) * width)
    return pairs.view(-1, width)


def nmi(codes: Tensor, done: Tensor) -> float:
    """Mutual information of two labellings [N] by the mean of their entropies: 0 to 1.

    0 where either never varies. Chance makes it about (K - 1)(A - 1) / (2 N H), not 0.
    """
    share = together(codes, done).double() / len(codes)
    rows, columns = entropy(share.sum(1)), entropy(share.sum(0))
    if min(rows, columns) < 1e-9:
        return 0.0
    return (rows + columns - entropy(share.flatten())) / (0.5 * (rows + columns))


def accuracy(codes: Tensor, done: Tensor) -> float:
    """Share of steps that are right where each code is the name of one class (Kuhn 1955)."""
    table = together(codes, done).cpu().numpy()
    return float(table[linear_sum_assignment(-table)].sum() / len(codes))
