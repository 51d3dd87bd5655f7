"""Films of held-out futures: what came, what was imagined, and how they differ.

The windows shown are those in which most happens, judged by the truth alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from foreworld.evaluation.counterfactual import Counterfactual
from foreworld.evaluation.film import MOVING_PX, difference, gif, moving, png, sheet, strip
from foreworld.evaluation.imagination import changed
from foreworld.evaluation.windows import Windows, believe, foretell, held_out_windows, unit
from foreworld.vocab import Episode, WorldModel


@dataclass(frozen=True)
class Film:
    """One future, as files: a strip of frames (PNG) and a moving picture (GIF)."""

    strip: bytes
    moving: bytes


def eventful_windows(
    episodes: Iterable[Episode],
    key: str,
    context: int = 5,
    horizon: int = 15,
    count: int = 3,
    seed: int = 0,
) -> Windows:
    """`count` windows, each of another episode, in which most pixels of image `key` change."""
    windows = held_out_windows(episodes, context, horizon, per_episode=4, seed=seed)
    change = changed(windows.future(key), windows.last_seen(key)).flatten(1).float().mean(1)
    best = change.unflatten(0, (windows.episodes, -1)).max(1)
    chosen = best.values.topk(min(count, windows.episodes)).indices
    return windows.rows(chosen * windows.per_episode + best.indices[chosen])


def film_futures(
    model: WorldModel,
    windows: Windows,
    key: str,
    actions: Tensor | None = None,
    name: str = "imagined",
) -> list[Film]:
    """A film of each window: what was seen, then the future under `actions` [M, H, ...].

    actions: None for the recorded ones; under others the difference is to what was recorded.
    """
    given = windows.actions if actions is None else actions
    future = foretell(model, believe(model, windows.seen), given, [key])[key]
    true = "true" if actions is None else "recorded"
    return [
        _film(unit(windows.seen[key][m]), windows.future(key)[m], future[m], (true, name))
        for m in range(len(future))
    ]


def _film(seen: Tensor, truth: Tensor, imagined: Tensor, names: tuple[str, str]) -> Film:
    """seen [C, h, w, c], truth and imagined [H, h, w, c] in [0, 1]."""
    films = {names[0]: truth, names[1]: imagined, "difference": difference(truth, imagined)}
    times = [f"+{h + 1}" for h in range(len(truth))]
    whole = {names[0]: torch.cat([seen, truth]), names[1]: torch.cat([seen, imagined])}
    notes = ["seen"] * len(seen) + [f"imagined, step {t}" for t in times]
    return Film(png(strip(films, times)), gif(moving(whole, notes)))


def film_pushes(result: Counterfactual, key: str, start: int | None = None) -> Film:
    """One start under every push, true beside imagined: the start where the pushes differ most."""
    truth, imagined = result.truth[key], result.imagined[key]
    if start is None:
        start = int(truth[:, :, -1].std(1).flatten(1).mean(1).argmax())
    steps = sorted({max(1, round(result.horizon * share)) for share in (0.3, 0.6, 1.0)})
    last = unit(result.seen[key][start, -1])
    picture = sheet(last, truth[start], imagined[start], result.pushes, steps)
    panels = {}
    for k, name in enumerate(result.pushes):
        pair = torch.cat([truth[start, k], imagined[start, k]], dim=1)
        panels[name] = torch.cat([torch.cat([last, last], dim=0)[None], pair])
    times = range(1, result.horizon + 1)
    notes = ["start", *(f"step +{h}: true above, imagined below" for h in times)]
    return Film(png(picture), gif(moving(panels, notes, 2 * MOVING_PX)))
