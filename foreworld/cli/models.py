"""Lists the families of world models, or shows the sizes of one and what goes with it.

foreworld models
foreworld models rssm
foreworld models my_model.py:MyModel
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from foreworld import catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foreworld.cli.inventory import Measured, Size

Name = Annotated[str | None, arg(name="family", metavar="FAMILY"), Positional]


@dataclass(frozen=True)
class Args:
    family: Name = None  # a name from the list, or module:Class, or file.py:Class


def run(args: Args) -> dict[str, Any]:
    """Print the list or one family; returns the same as data."""
    return _list() if args.family is None else _show(args.family)


def _list() -> dict[str, Any]:
    from foreworld.cli.inventory import measured, papers, says
    from foreworld.cli.tables import print_table

    found, rows = {}, []
    for name in catalog.FAMILIES:
        model_class = catalog.resolve(catalog.FAMILIES, name)
        sizes, texts = _sizes(name), papers(model_class)
        worlds = list(dict.fromkeys(m.world for m in measured(model_class)))
        authors = "; ".join(text.partition(", arXiv")[0] for text in texts.values())
        rows.append((name, says(model_class), _span(sizes), authors, ", ".join(worlds)))
        found[name] = {
            "says": says(model_class),
            "presets": {preset: size._asdict() for preset, size in sizes.items()},
            "papers": texts,
            "worlds": worlds,
        }
    columns = ("family", "what it is", "million weights", "papers", "measured on")
    print_table("families of world models", columns, rows)
    print("foreworld models FAMILY says more: presets, heads, phases, what goes with it.")
    return found


def _sizes(family: str) -> dict[str, Size]:
    from foreworld.cli.inventory import presets, size

    return {name: size(family, name) for name in presets(catalog.resolve(catalog.FAMILIES, family))}


def _span(sizes: dict[str, Size]) -> str:
    """From the smallest preset to the largest; the one for tests is none."""
    counts = [n for k, size in sizes.items() if k != "debug" for n in size.weights.values()]
    return f"{_millions(min(counts))} … {_millions(max(counts))}" if counts else ""


def _millions(count: int | None) -> str:
    return "n/a" if count is None else f"{count / 1e6:.3g}"


def _show(family: str) -> dict[str, Any]:
    from foreworld.cli.inventory import ACTIONS, goes_with, measured, papers, says, tiny
    from foreworld.cli.tables import print_facts

    model_class = catalog.resolve(catalog.FAMILIES, family)
    models = {kind: tiny(family, kind) for kind in ACTIONS}
    taken = {kind: model for kind, model in models.items() if model is not None}
    if not taken:
        raise ValueError(f"{family} takes none of the worlds that families are tried on")
    model = next(iter(taken.values()))
    facts = {
        "says": says(model_class),
        "actions": list(taken),
        "heads": ["what it sees" if head == "seen" else head for head in model.heads],
        "chance_numbers": model.noise(1, 1, 0).shape[-1],
    }
    print_facts(family, facts)
    sizes, results = _sizes(family), measured(model_class)
    recipes, texts = catalog.beside(model_class, "RECIPES"), papers(model_class)
    fits = {kind: goes_with(model) for kind, model in taken.items()}
    _print_sizes(sizes, texts)
    _print_fits(fits)
    _print_recipes(recipes)
    _print_results(results)
    return {
        **facts,
        "presets": {preset: size._asdict() for preset, size in sizes.items()},
        "papers": texts,
        "goes_with": fits,
        "recipes": dict(recipes),
        "measured": [m.to_json() for m in results],
    }


def _print_sizes(sizes: dict[str, Size], texts: Mapping[str, str]) -> None:
    from foreworld.cli.inventory import SEEN
    from foreworld.cli.tables import print_table

    rows = [
        (
            name,
            *(_millions(size.weights.get(seen)) for seen in SEEN),
            ", ".join(f"{phase} {share:.0%}" for phase, share in size.phases.items()),
            texts.get(name, ""),
        )
        for name, size in sizes.items()
    ]
    rows += [(name, "", "", "", text) for name, text in texts.items() if name not in sizes]
    columns = ("preset", *(f"of {seen}" for seen in SEEN), "phases", "paper")
    print_table("million weights, seeing 4 numbers or 64 × 64 pixels", columns, rows)


def _print_fits(fits: dict[str, dict[str, str | None]]) -> None:
    from foreworld.cli.tables import print_table

    names = list(next(iter(fits.values())))
    rows = [(name, *(fit[name] or "yes" for fit in fits.values())) for name in names]
    print_table("goes with, tried", ("", *(f"{kind} actions" for kind in fits)), rows)


def _print_recipes(recipes: Mapping[str, Mapping[str, Any]]) -> None:
    from foreworld.cli.tables import print_table

    if recipes:
        rows = [(name, _flags(flags)) for name, flags in recipes.items()]
        print_table("recipes of foreworld train", ("name", "flags"), rows)


def _flags(flags: Mapping[str, Any]) -> str:
    """As they would be typed."""
    words = []
    for name, value in flags.items():
        values = value if isinstance(value, (tuple, list)) else (value,)
        words.append(" ".join((f"--{name.replace('_', '-')}", *map(str, values))))
    return " ".join(words)


def _print_results(results: list[Measured]) -> None:
    from foreworld.cli.tables import print_table

    if results:
        rows = [
            (m.world, m.policy, m.what, str(m.value), m.chance.brief if m.chance else "", m.file)
            for m in results
        ]
        columns = ("world", "policy", "what", "value", "random", "benchmarks/results")
        print_table("measured", columns, rows)
