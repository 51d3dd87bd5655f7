"""Brings logs that people already have into stores of episodes, and stores to others.

foreworld data inspect logs/pusht                       what is there, and how it would be read
foreworld data inspect logs/pusht --write map.json      ... as a mapping to be edited
foreworld data import logs/pusht --out episodes/pusht --mapping map.json
foreworld data preview episodes/pusht --out pusht.html
foreworld data stats episodes/pusht
foreworld data merge kitchen garage --out both
foreworld data split both --out parts --test 0.2
foreworld data export both --to lerobot --out shared/both --fps 10
"""

from __future__ import annotations

from typing import Annotated, Any

from tyro.conf import subcommand

from foreworld.cli.data_export import Export
from foreworld.cli.data_import import Import, Inspect
from foreworld.cli.data_preview import Preview
from foreworld.cli.data_stores import Merge, Split, Stats

VERBS = ("import", "export", "inspect", "merge", "split", "preview", "stats")
Args = (
    Annotated[Import, subcommand("import", description="a dataset of any format to a new store")]
    | Annotated[Export, subcommand("export", description="a store to a format others read")]
    | Annotated[Inspect, subcommand("inspect", description="columns, and how they would be read")]
    | Annotated[Merge, subcommand("merge", description="several stores to one")]
    | Annotated[Split, subcommand("split", description="one store to two, train and test")]
    | Annotated[Preview, subcommand("preview", description="a page to look at")]
    | Annotated[Stats, subcommand("stats", description="every key in numbers")]
)


def run(args: Args) -> dict[str, Any]:
    """Do what was asked for, and print it; returns the same as data."""
    return args.run()
