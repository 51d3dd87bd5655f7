"""`foreworld data import` and `inspect`: what a log holds, and the store that becomes of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

if TYPE_CHECKING:
    from foreworld.data.recording import Source
    from foreworld.data.report import Report

HARDLY_FACTS = ("dropped", "missing", "unused")  # of a report: told in lines of their own


@dataclass(frozen=True)
class Import:
    dataset: Positional[Path]  # a folder or a file, of any format
    out: Path  # the store to make; it must not be there yet
    format: str | None = None  # default: recognised
    mapping: Path | None = None  # names, units and clock; default: guessed, see `inspect`
    set: tuple[str, ...] = ()  # of the mapping: fps=10 keys.front.image_size=96 holes=drop
    broken: Literal["refuse", "drop"] = "refuse"  # what to do about a recording that is
    workers: int | None = None  # threads that decode; default: one a core

    def run(self) -> dict[str, Any]:
        """Import, and print what came over and what did not."""
        from foreworld.cli.datasets import chosen
        from foreworld.data.formats import open_source
        from foreworld.data.importing import import_dataset

        with closing(open_source(self.dataset, self.format)) as source:
            mapping = chosen(source, self.mapping, self.set)
            report = import_dataset(source, self.out, mapping, self.broken, self.workers)
        tell(self.out, report)
        print(f"look at it: foreworld data preview {self.out}")
        print(f"learn from it: foreworld train {self.out} --run runs/mine --budget 5m")
        return {"store": str(self.out), **report.to_json()}


@dataclass(frozen=True)
class Inspect:
    dataset: Positional[Path]  # a folder or a file, of any format
    format: str | None = None  # default: recognised
    mapping: Path | None = None  # to hold against it; default: guessed
    set: tuple[str, ...] = ()  # of the mapping: fps=10 keys.front.image_size=96 holes=drop
    write: Path | None = None  # where to write the mapping, to be edited

    def run(self) -> dict[str, Any]:
        """Print columns and mapping; returns the same as data."""
        import json

        from foreworld.cli.datasets import chosen
        from foreworld.cli.tables import print_facts, print_specs
        from foreworld.data.formats import open_source
        from foreworld.data.mapping import save, to_json
        from foreworld.data.plan import survey

        with closing(open_source(self.dataset, self.format)) as source:
            facts = {"format": source.format, "recordings": len(source), "fps": source.fps}
            print_facts(str(self.dataset), facts)
            columns = _columns(source)
            mapping = chosen(source, self.mapping, self.set)
            plan = survey(source, mapping)
        print_specs("as keys", plan.specs)
        print(f"as a store: about {plan.rows:,} rows, {plan.bytes / 1e6:,.1f} MB")
        print(json.dumps(to_json(mapping), indent=2))
        if self.write is not None:
            save(mapping, self.write)
            print(f"edit {self.write}, then: data import {self.dataset} --mapping {self.write}")
        described = {key: spec.to_json() for key, spec in plan.specs.items()}
        return {**facts, "columns": columns, "mapping": to_json(mapping), "specs": described}


def _columns(source: Source) -> dict[str, Any]:
    """Print every column as its source tells it; returns the same as data."""
    from foreworld.cli.tables import print_table
    from foreworld.config import to_dict

    told = {name: to_dict(feature) for name, feature in source.features.items()}
    rows = [
        (name, f["content"], " × ".join(map(str, f["shape"])), f["dtype"], f["unit"] or "")
        for name, f in told.items()
    ]
    print_table("columns", ("", "content", "shape", "dtype", "unit"), rows)
    return told


def tell(path: Path, report: Report) -> None:
    """Print the report of an import."""
    from foreworld.cli.tables import print_facts, print_table

    facts = {k: v for k, v in report.to_json().items() if k not in HARDLY_FACTS}
    print_facts(str(path), facts)
    if report.unused:
        print(f"columns that no key of the mapping names: {', '.join(report.unused)}")
    for key, count in report.missing.items():
        print(f"{key} is missing in {count} of {report.recordings} recordings")
    if report.dropped:
        rows = [
            (why, str(counts["recordings"]), str(counts["rows"]), ", ".join(report.examples[why]))
            for why, counts in report.dropped.items()
        ]
        print_table("dropped", ("why", "recordings", "rows", "such as"), rows)
