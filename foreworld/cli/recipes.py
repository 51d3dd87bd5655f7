"""What a paper chooses besides its model: flags of `foreworld train`, under those given by hand.

A family's module keeps them as `RECIPES`: {"usual": {"learner": "search", "train_ratio": 64.0}}.
The one called usual is taken where none is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

from foreworld import catalog
from foreworld.errors import unknown

if TYPE_CHECKING:
    from foreworld.cli.train import Args

USUAL = "usual"
# A store is learned from as it is: what a recipe says of collecting means nothing there.
COLLECTING = ("policy", "prefill", "num_envs", "train_ratio", "until", "planner", "planner_set")


def with_recipe(args: Args, explores: bool) -> Args:
    """The flags with the recipe under them: lists are put before, the rest where none was given.

    explores: whether a world is named, not a store. Raises ValueError for an unknown recipe.
    """
    known = catalog.beside(catalog.resolve(catalog.FAMILIES, args.family), "RECIPES")
    if args.recipe is not None and args.recipe not in known:
        raise unknown(f"recipe of {args.family}", args.recipe, known)
    recipe: Mapping[str, Any] = known.get(args.recipe or USUAL, {})
    left_out = () if explores else COLLECTING
    chosen = {k: v for k, v in recipe.items() if k not in left_out}
    return replace(args, **{k: _under(args, k, v) for k, v in chosen.items()})


def _under(args: Args, name: str, value: Any) -> Any:
    given, default = getattr(args, name), _default(args, name)
    if isinstance(default, tuple):
        return (*value, *given)
    return value if given == default else given


def _default(args: Args, name: str) -> Any:
    for field in fields(args):
        if field.name == name and field.default is not MISSING:
            return field.default
    raise ValueError(f"a recipe names {name!r}, which is no flag of foreworld train")
