"""Imagines futures of held-out episodes and saves them as strips, films and a page.

foreworld imagine runs/demo
foreworld imagine runs/demo --actions "1,0;0,1" --horizon 20
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional


@dataclass(frozen=True)
class Args:
    run: Positional[Path]  # directory of a trained run
    actions: str = "recorded"  # recorded, random, constant, or steps as in "0.5,0;0,1"
    episodes: int = 3  # futures to film, each of another held-out episode
    context: int = 5  # real steps the model sees first
    horizon: int = 15  # steps it imagines
    out: Path | None = None  # where the files go; default: RUN/imagined
    seed: int = 0  # of the windows, and of random actions
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1
    family: str | None = None  # module:Class of the model, where it is not in the catalog


def run(args: Args) -> dict[str, Any]:
    """Write the files and print the skill; returns both as data."""
    from foreworld.cli.tables import print_table
    from foreworld.episodes import EpisodeStore
    from foreworld.evaluation import measure_imagination, write_report
    from foreworld.evaluation.own import own_episode
    from foreworld.evaluation.tables import skill_table
    from foreworld.run import load
    from foreworld.training.threads import keep_memory, set_threads

    if args.episodes < 1:
        raise ValueError(f"--episodes {args.episodes}: at least 1")
    set_threads(args.threads)
    keep_memory()
    opened = load(args.run, family=args.family)
    store = EpisodeStore.open(opened.store_path)
    held_out = [own_episode(opened.model, store[i]) for i in store.split()[1]]
    out = args.out or args.run / "imagined"
    films, files = _films(args, opened.model, held_out, out)
    skill = None
    if args.actions == "recorded":
        skill = measure_imagination(
            opened.model, held_out, args.context, args.horizon, seed=args.seed
        )
        columns, rows = skill_table(skill)
        print_table(f"{skill.episodes} held-out episodes", columns, rows)
    protocol = {k: str(v) for k, v in vars(args).items() if v is not None} | {"step": opened.step}
    title = f"{args.run.name}: futures under {args.actions} actions"
    page = out / "imagined.html"
    write_report(page, title, imagination=skill, films=films, protocol=protocol)
    files.append(str(page))
    print("\n".join(files))
    return {"files": files, "imagination": skill and skill.to_json()}


def _films(args: Args, model: Any, held_out: list[Any], out: Path) -> tuple[list[Any], list[str]]:
    """Films of the first image the model predicts, and the files they were written to."""
    from foreworld.disk import write_whole
    from foreworld.evaluation import eventful_windows, film_futures
    from foreworld.evaluation.actions import chosen_actions

    images = [h for h in model.heads if h in model.specs and model.specs[h].kind == "image"]
    if not images and args.actions != "recorded":
        raise ValueError(
            f"--actions {args.actions} makes films, and this model predicts no image; "
            "--actions recorded measures what it does predict"
        )
    if not images:
        print("this model predicts no image: no films, only numbers")
        return [], []
    windows = eventful_windows(
        held_out, images[0], args.context, args.horizon, args.episodes, args.seed
    )
    actions = chosen_actions(args.actions, model.specs["action"], windows, args.seed)
    given = None if args.actions == "recorded" else actions
    films = film_futures(model, windows, images[0], given)
    files = []
    for number, film in enumerate(films, 1):
        for suffix, data in (("png", film.strip), ("gif", film.moving)):
            write_whole(out / f"future_{number}.{suffix}", data)
            files.append(str(out / f"future_{number}.{suffix}"))
    return films, files
