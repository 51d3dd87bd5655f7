"""Stores become one, or one becomes two: specs that agree, episodes that are never cut.

merge([kitchen, garage], "both")              # says which keys differ, and how
split(both, "parts", test_fraction=0.2)       # parts/train and parts/test
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from foreworld.data.plan import TOLD
from foreworld.data.stored import PARTS, noted_fps
from foreworld.disk import whole_folder, write_json
from foreworld.episodes import EpisodeStore
from foreworld.episodes.row import row_specs
from foreworld.episodes.together import followers, keep_together
from foreworld.errors import unknown
from foreworld.log import progress
from foreworld.vocab import PRESENT, Episode, Spec, Specs

NOTES = ("world.json", "import.json")  # beside a store: how its episodes were made


def merge(stores: Sequence[EpisodeStore], path: str | Path, flag_missing: bool = False) -> Specs:
    """Write all episodes of `stores` to a new store, in their order; returns its specs.

    The bounds of actions and the room of texts are those of all together. flag_missing: a key that
    some stores lack is zeros there, and `present.KEY` says so; otherwise, and where keys differ in
    anything else, raises ValueError naming them; also where rows are known to differ in length.
    """
    specs = common([store.specs for store in stores], flag_missing)
    _check_rates(stores)
    with whole_folder(path) as folder:
        bar = progress("merging", sum(map(len, stores)))
        with EpisodeStore.create(folder, specs) as out, bar as advance:
            for store in stores:
                for episode in store:
                    out.append(_widened(episode, store.specs, specs))
                    advance()
            ends = np.cumsum([0, *map(len, stores)])
            keep_together(folder, chain.from_iterable(map(_parted, stores, ends)))
        _keep_notes([store.path for store in stores], folder)
        write_json(folder / PARTS, _parts(stores))
    return specs


def weigh_parts(path: str | Path, mix: Mapping[str, float]) -> Callable[[np.ndarray], np.ndarray]:
    """Weights of episodes [E] by their ids [E], so that parts are drawn from as `mix` says.

    mix: what part -> its share of the steps drawn, in any unit. Raises ValueError for a store that
    was not merged, and where not just its parts are named.
    """
    file = Path(path) / PARTS
    if not file.is_file():
        raise ValueError(f"{path} was not merged from parts: foreworld data merge A B --out BOTH")
    parts = json.loads(file.read_text())
    names = [part["name"] for part in parts]
    for name in mix:
        if name not in names:
            raise unknown(f"part of {path}", name, names)
    if missing := [name for name in names if not mix.get(name, 0.0) > 0]:
        raise ValueError(f"--mix: no share above 0 for {', '.join(missing)}; name every part")
    steps = sum(part["steps"] for part in parts) / sum(mix.values())
    shares = [mix[part["name"]] / part["steps"] * steps for part in parts]
    weights = np.repeat(shares, [part["episodes"] for part in parts])
    return lambda ids: weights[ids]


def split(
    store: EpisodeStore, path: str | Path, test_fraction: float
) -> dict[str, tuple[int, ...]]:
    """Write `train` and `test` below a new folder; returns the ids that went there.

    Which episode goes where is told by its id alone, as in training: see `split_ids`.
    """
    train, test = store.split(test_fraction)
    if not len(test):
        raise ValueError(f"{store.path} has {len(store)} episode: two are needed, to tell apart")
    sides = {"train": train, "test": test}
    with whole_folder(path) as folder, progress("splitting", len(store)) as advance:
        for name, ids in sides.items():
            with EpisodeStore.create(folder / name, store.specs) as out:
                for id in ids:
                    out.append(store[int(id)])
                    advance()
            follows = np.isin(ids, followers(store.path)) & np.isin(ids - 1, ids)
            keep_together(folder / name, np.flatnonzero(follows))
            _keep_notes([store.path], folder / name)
    return {name: tuple(int(id) for id in ids) for name, ids in sides.items()}


def _parted(store: EpisodeStore, begin: int) -> list[int]:
    """Its episodes that belong with the one before, where its first one is number `begin`."""
    there = followers(store.path)
    first = store.table.first_id
    return [int(id) - first + begin for id in there[there > first]]


def common(several: Sequence[Specs], flag_missing: bool = False) -> dict[str, Spec]:
    """Specs that hold the episodes of all. Raises ValueError saying which keys differ, and how."""
    keys = {key for specs in several for key in specs}
    specs, wrong = {}, []
    for key in sorted(keys):
        told = [specs[key] for specs in several if key in specs]
        if len(told) < len(several) and not key.startswith(PRESENT):
            if not flag_missing:
                wrong.append(f"{key!r} is in {len(told)} of {len(several)}")
            specs[PRESENT + key] = TOLD
        wide = _wide(told)
        if any(replace(wide, **_room(spec)) != spec for spec in told):
            wrong.append(f"{key!r} differs: {_difference(told)}")
        specs[key] = wide
    if wrong:
        raise ValueError(
            f"these stores do not go together: {'; '.join(wrong)}. Import them with one --mapping; "
            "keys that only some have may be zeros in the others: --flag-missing"
        )
    return specs


def _wide(told: Sequence[Spec]) -> Spec:
    """The first one, with room and bounds for all."""
    first = told[0]
    if first.kind == "text" and all(spec.kind == "text" for spec in told):
        return replace(first, shape=max(spec.shape for spec in told))
    if len({(spec.low, spec.high) for spec in told}) == 1 or len({s.shape for s in told}) > 1:
        return first
    low = [np.broadcast_to(spec.low, first.shape) for spec in told if spec.low is not None]
    high = [np.broadcast_to(spec.high, first.shape) for spec in told if spec.high is not None]
    if min(len(low), len(high)) < len(told):
        return replace(first, low=None, high=None)
    lowest, highest = np.minimum.reduce(low), np.maximum.reduce(high)
    return replace(first, low=tuple(lowest.ravel().tolist()), high=tuple(highest.ravel().tolist()))


def _room(spec: Spec) -> dict[str, object]:
    """What may differ between stores that go together."""
    room: dict[str, object] = {"low": spec.low, "high": spec.high}
    return room | ({"shape": spec.shape} if spec.kind == "text" else {})


def _difference(told: Sequence[Spec]) -> str:
    described = [spec.to_json() for spec in told]
    names = {name for each in described for name in each if name not in ("low", "high")}
    differ = (n for n in sorted(names) if len({str(each.get(n)) for each in described}) > 1)
    return ", ".join(
        f"{n} {' or '.join(dict.fromkeys(str(e.get(n)) for e in described))}" for n in differ
    )


def _widened(episode: Episode, theirs: Specs, specs: Specs) -> Episode:
    """An episode with the keys and the room of `specs`."""
    length, steps = len(episode), {}
    for key, spec in row_specs(specs).items():
        if key in episode.steps:
            values = np.asarray(episode[key])
            if spec.kind == "text":
                values = np.pad(values, [(0, 0), (0, spec.shape[0] - values.shape[1])])
            steps[key] = values
        elif key.startswith(PRESENT):
            steps[key] = np.full(length, key.removeprefix(PRESENT) in theirs)
        else:
            steps[key] = np.zeros((length, *spec.shape), spec.dtype)
    return Episode(steps)


def _check_rates(stores: Sequence[EpisodeStore]) -> None:
    """One step has to be as long everywhere, or one action would do two different things."""
    rates = {str(store.path): noted_fps(store.path) for store in stores}
    known = {path: fps for path, fps in rates.items() if fps is not None}
    if len(set(known.values())) > 1:
        told = ", ".join(f"{path} {fps:g}" for path, fps in known.items())
        raise ValueError(
            f"rows a second differ: {told}; import them at one rate: data import --set fps=N"
        )


def _parts(stores: Sequence[EpisodeStore]) -> list[dict[str, object]]:
    """Where the episodes came from: names of folders, numbered where two are called the same."""
    parts: list[dict[str, object]] = []
    for store in stores:
        name, taken = store.path.resolve().name, {part["name"] for part in parts}
        several = (f"{name}_{n}" for n in range(2, len(stores) + 1))
        unique = name if name not in taken else next(n for n in several if n not in taken)
        size = {"episodes": len(store), "steps": store.num_steps}
        parts.append({"name": unique, **size, "fps": noted_fps(store.path)})
    return parts


def _keep_notes(stores: Sequence[Path], folder: Path) -> None:
    """What all stores note alike goes along."""
    for name in NOTES:
        notes = {(path / name).read_bytes() if (path / name).is_file() else b"" for path in stores}
        if len(notes) == 1 and notes != {b""}:
            shutil.copyfile(stores[0] / name, folder / name)
