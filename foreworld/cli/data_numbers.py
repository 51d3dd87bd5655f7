"""What a store is in numbers: moments of every key, what never changes, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from foreworld.cli.tables import MOMENTS, moments_of, print_facts, print_table
from foreworld.episodes import EpisodeStore
from foreworld.vocab import PRESENT, Spec


def numbers(store: EpisodeStore) -> dict[str, Any]:
    """Statistics, with the share of rows that have each key, and the numbers that never change."""
    found = store.statistics().to_json()
    told = {k.removeprefix(PRESENT): k for k in store.specs if k.startswith(PRESENT)}
    found["keys"] = {k: v for k, v in found["keys"].items() if k not in told.values()}
    found["present"] = {
        key: float(np.concatenate([store.column(int(id), flag) for id in store.ids]).mean())
        for key, flag in told.items()
    }
    found["terminal"] = sum(bool(store.column(int(id), "is_terminal")[-1]) for id in store.ids)
    still = {key: _still(spec, found["keys"].get(key)) for key, spec in store.specs.items()}
    found["still"] = {key: names for key, names in still.items() if names}
    found["texts"] = {
        key: _texts(store, key) for key, spec in store.specs.items() if spec.kind == "text"
    }
    return found


def print_numbers(title: str, found: Mapping[str, Any]) -> None:
    """The same, for people."""
    print_facts(title, {"episodes": found["episodes"], "steps": found["steps"],
                        "ended by the world": found["terminal"]})  # fmt: skip
    print_table("statistics", MOMENTS, moments_of(found))
    for key, share in found["present"].items():
        print(f"{key}: recorded in {share:.1%} of all rows, zeros elsewhere")
    for key, names in found["still"].items():
        print(f"{key}: never changes: {', '.join(names)}")
    for key, count in found["texts"].items():
        print(f"{key}: {count} different")


def _still(spec: Spec, moments: Mapping[str, Any] | None) -> list[str]:
    """Names of the numbers of a key that are the same in every row."""
    if spec.kind != "vector" or moments is None:
        return []
    names = spec.names or [str(n) for n in range(spec.width)]
    same = np.ravel(moments["low"]) == np.ravel(moments["high"])
    return [name for name, still in zip(names, same, strict=True) if still]


def _texts(store: EpisodeStore, key: str) -> int:
    return len({store.column(int(id), key)[0].tobytes() for id in store.ids})
