"""What we note in a dataset of another format, so that reading it brings back what was written.

description(specs, fps)          # plain data, for the format's own place for such
mapping_of(noted, file, column)  # the mapping that undoes the writing
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from foreworld.data.bounds import REWRITE
from foreworld.data.mapping import NO_ACTION, Mapping, Rule
from foreworld.data.recording import Broken
from foreworld.data.stored import same
from foreworld.vocab import Spec, Specs, lasting


def description(specs: Specs, fps: float) -> dict[str, Any]:
    """Specs and rate as plain data."""
    return {"specs": {key: spec.to_json() for key, spec in lasting(specs).items()}, "fps": fps}


def specs_of(noted: Any, file: Path) -> dict[str, Spec]:
    """The specs of a note. Raises Broken where it is damaged."""
    try:
        return {str(key): Spec.from_json(spec) for key, spec in noted["specs"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fix = f"remove it and give a --mapping, or {REWRITE}"
        raise Broken(file, "foreworld", f"is no description of keys: {error!r}", fix) from error


def mapping_of(noted: Any, file: Path, column: Callable[[str], str]) -> Mapping | None:
    """The mapping from columns to the keys that were written; None where nothing was noted.

    column: the name of a key's column.
    """
    if noted is None:
        return None
    specs = {k: s for k, s in specs_of(noted, file).items() if (k, s) != ("action", NO_ACTION)}
    reward = {"reward": Rule((column("reward"),), shape=(), resample="sum")}
    return Mapping({key: same(column(key), spec) for key, spec in specs.items()} | reward, shortest=1)
