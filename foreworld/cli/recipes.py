"""What a paper chooses besides its model: flags of `foreworld train`, under those given by hand.

A family's module keeps them as `RECIPES`: {"usual": {"learner": "search", "train_ratio": 64.0}}.
The one called usual is taken where none is named.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

from foreworld import catalog
from foreworld.errors import unknown

if TYPE_CHECKING:
    from foreworld.cli.train import Args

USUAL = "usual"
# A store is learned from as it is: what a recipe says of collecting means nothing there.
COLLECTING = ("policy", "prefill", "num_envs", "train_ratio", "until", "planner", "planner_set")


def with_recipes(args: Args, explores: bool) -> Args:
    """The flags with the recipes under them: lists are put before, the rest where none was given.

    Of several recipes the later go before. explores: whether a world is named, not a store.
    Raises ValueError for an unknown recipe.
    """
    known = catalog.beside(catalog.resolve(catalog.FAMILIES, args.family), "RECIPES")
    names = args.recipe or ((USUAL,) if USUAL in known else ())
    for name in reversed(names):
        if name not in known:
            raise unknown(f"recipe of {args.family}", name, known)
        chosen = {k: v for k, v in known[name].items() if explores or k not in COLLECTING}
        args = replace(args, **{k: _under(args, k, v) for k, v in chosen.items()})
    return args


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
