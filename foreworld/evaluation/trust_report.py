"""The examination as data: one JSON file whose bytes depend on model, data and protocol alone.

    report.json   schema, hashes, verdicts, readings by group, errors of every held-out episode
    cost.json     what a clock read, and where: machine, commit, date

No date, no path and no clock is in the first, so that two runs of one examination are one file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foreworld.config import to_dict
from foreworld.disk import write_json
from foreworld.evaluation.fingerprint import of_data, of_model, of_protocol
from foreworld.evaluation.provenance import provenance
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.trust import GROUPS, Readings
from foreworld.evaluation.uses import judge_uses
from foreworld.evaluation.worst import Foretold

SCHEMA = 1
DIGITS = 9  # significant ones that are written: more than an interval means


def trust_report(subject: Subject, readings: Readings, foretold: Foretold | None) -> dict[str, Any]:
    """What `report.json` holds, plain data. Groups that are read from a clock are left out."""
    kept = {name: group for name, group in readings.items() if not GROUPS[name].timed}
    report = {
        "schema": SCHEMA,
        "model": {
            "family": type(subject.model).__name__,
            "parameters": sum(p.numel() for p in subject.model.parameters()),
        },
        "hashes": {
            "model": of_model(subject.model),
            "data": of_data(subject.held_out),
            "protocol": of_protocol(subject.protocol),
        },
        "protocol": to_dict(subject.protocol),
        "scope": scope(subject),
        "verdicts": [verdict.to_json() for verdict in judge_uses(readings)],
        "groups": {name: [r.to_json() for r in group] for name, group in kept.items()},
        "episodes": foretold.per_episode() if foretold else {},
    }
    return _plain(report)


def cost_report(readings: Readings) -> dict[str, Any]:
    """What `cost.json` holds: readings of a clock, and the machine they were taken on."""
    timed = {name: group for name, group in readings.items() if GROUPS[name].timed}
    groups = {name: [r.to_json() for r in group] for name, group in timed.items()}
    return _plain({"schema": SCHEMA, "groups": groups, "provenance": provenance()})


def write_trust(folder: str | Path, report: Mapping[str, Any], cost: Mapping[str, Any]) -> None:
    write_json(Path(folder) / "report.json", report)
    write_json(Path(folder) / "cost.json", cost)


def read_trust(path: str | Path) -> dict[str, Any]:
    """A report from its file, or from a run or folder that holds one.

    Raises ValueError where there is none, or one of another schema.
    """
    path = Path(path)
    places = (path, path / "report.json", path / "trust" / "report.json")
    file = next((p for p in places if p.is_file()), None)
    if file is None:
        raise ValueError(f"no trust report at {path}; make one: foreworld trust {path}")
    try:
        report = json.loads(file.read_text())
    except ValueError:
        raise ValueError(f"{file} is not JSON; make it again: foreworld trust RUN") from None
    schema = report.get("schema") if isinstance(report, dict) else None
    if schema != SCHEMA:
        raise ValueError(
            f"{file} is a report of schema {schema}, this program reads {SCHEMA}; make it again: "
            "foreworld trust RUN"
        )
    return report


def scope(subject: Subject) -> dict[str, Any]:
    """What a verdict is valid for: this world, these factors, this body, this rate."""
    world, spec = subject.world, subject.model.specs["action"]
    return {
        "world": world and world.env,
        "options": world and world.env_kwargs,
        "frame_skip": world and world.frame_skip,
        "actions": spec.to_json(),
        "episodes": len(subject.held_out),
        "steps": sum(len(e) for e in subject.held_out),
    }


def scope_in_words(scope: Mapping[str, Any]) -> str:
    """One sentence that stands under every verdict."""
    spec = scope["actions"]
    body = f"{spec['kind']} actions {spec.get('classes') or spec['shape']}"
    options = ", ".join(f"{k}={_word(v)}" for k, v in (scope["options"] or {}).items())
    where = f"{scope['world']}{options and f' ({options})'}" if scope["world"] else "these logs"
    skip = scope["frame_skip"] or 1
    rate = f", {skip} frames an action" if skip > 1 else ""
    return (
        f"Valid for {where}, {body}{rate}, over the factors that its {scope['episodes']} held-out "
        f"episodes ({scope['steps']:,} steps) show. Nothing is claimed beyond."
    )


def _word(value: Any) -> str:
    return "|".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _plain(value: Any) -> Any:
    """JSON without NaN, floats cut to DIGITS."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
