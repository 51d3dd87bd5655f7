"""A video of the tabletop, without a single action, becomes a world to play in: what do keys do?

python benchmarks/latent_tabletop.py one       all of it on one table, set again for every episode
python benchmarks/latent_tabletop.py many      every episode on a table of its own

A hand wanders about a table; its pictures alone are kept, and learned from. Then, in episodes that
were never learned from: where the pusher really went under each code, and where it goes in dreams
that hold one. Then: foreworld play runs/latent_tabletop/one/run
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learned_tasks import RESULTS, foreworld
from PIL import Image
from torch import Tensor

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import provenance
from foreworld.evaluation.collapse import explained, fit_probe
from foreworld.evaluation.intervals import wilson
from foreworld.families.genie import Genie
from foreworld.families.genie_diagnosis import classes, nmi
from foreworld.policies.wander import WanderPolicy
from foreworld.run import load
from foreworld.sessions.imagined import StoreStarts
from foreworld.streams import GymStream, collect
from foreworld.training.threads import keep_memory
from foreworld.vocab import FLAGS, Episode, Spec, map_state, predict_all, rollout

FOLDER = Path("runs/latent_tabletop")
RESULT = RESULTS / "latent_actions_tabletop.json"
EPISODES, ROWS, TABLE = 520, 31, 7
GENIE = ("--family", "genie", "--threads", "1", "--train", "batch_size=16", "length=8")
TRAIN = {
    "one": (*GENIE, "--steps", "8000", "--set", "channels=16", "past=1", "changes=300", "find=0.1"),
    # Many things in many places take more to be drawn.
    "many": (*GENIE, "--steps", "4000", "--set", "channels=16", "past=1", "changes=300", "find=0.2",
             "dynamics.codec.keypoints=48", "dynamics.codec.channels=32"),
}  # fmt: skip
CONTEXT, HOLD, STARTS, FITTED = 4, 3, 40, 96


def main() -> None:
    """A stage whose output is there is not repeated."""
    which = sys.argv[1]
    world, video, run = (FOLDER / which / name for name in ("world", "video", "run"))
    if not world.exists():
        film(world, which)
    if not video.exists():
        strip(world, video)
    if not (run / "run.json").exists():
        foreworld("train", str(video), "--run", str(run), *TRAIN[which])
    opened, facts, films = load(run), EpisodeStore.open(world), EpisodeStore.open(video)
    model = opened.model
    assert isinstance(model, Genie)
    result = {
        "updates": opened.step,
        "truth": in_truth(model, facts, films),
        "dreams": in_dreams(model, facts, films, FOLDER / which / "codes.png"),
        "commands": {"train": TRAIN[which]},
        "provenance": provenance(),
    }
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    write_json(RESULT, known | {which: result})
    print(result)


def film(world: Path, which: str) -> None:
    """Episodes of a hand that wanders, in full; those that ended early are left out."""
    options = {"task": "push", "max_steps": 2 * (ROWS - 1)}
    stream = GymStream("foreworld/Tabletop-v0", 1, 0, frame_skip=2, env_kwargs=options)
    with EpisodeStore.create(world, stream.specs) as store:
        for n in range(EPISODES):
            policy = WanderPolicy(stream.specs["action"], n)
            table = TABLE if which == "one" else n
            for episode in collect(stream, policy, episodes=1, seed=table):
                if len(episode) == ROWS:
                    store.append(episode)


def strip(world: Path, video: Path) -> None:
    """The pictures alone: nobody noted what was done, or what it was for."""
    source = EpisodeStore.open(world)
    nothing = Spec((0,), "float32", "vector")
    with EpisodeStore.create(video, {"image": source.specs["image"], "action": nothing}) as store:
        for episode in source:
            length = len(episode)
            blank = {"action": np.zeros((length, 0), np.float32),
                     "reward": np.zeros(length, np.float32)}  # fmt: skip
            store.append(Episode(blank | {k: np.array(episode[k]) for k in ("image", *FLAGS)}))


def in_truth(model: Genie, facts: EpisodeStore, films: EpisodeStore) -> dict[str, Any]:
    """What the pusher really did in held-out episodes while each code was read, in metres."""
    ids = [int(i) for i in films.split()[1]]
    batch = _batch([films[i] for i in ids])
    codes = model.codes(batch)[:, :-1].flatten()
    noted = _batch([facts[i] for i in ids])
    place, done = noted["facts"][..., :2], noted["action"][:, :-1].flatten(0, 1)
    moved = (place[:, 1:] - place[:, :-1]).flatten(0, 1)
    means = torch.stack([moved[codes == k].mean(0) for k in range(model.config.codes)])
    left = (moved - means[codes]).square().sum() / (moved - moved.mean(0)).square().sum()
    far = moved.norm(dim=1) > 0.02
    same = torch.cosine_similarity(moved, means[codes], dim=1)[far] > 0
    return {
        "steps": len(codes),
        "displacement_m": means.nan_to_num().tolist(),
        "steps_by_code": torch.bincount(codes, minlength=model.config.codes).tolist(),
        "explained": float(1 - left),  # of the variance of displacements, by the code
        "same_side": wilson(int(same.sum()), len(same)).to_json(),  # of those beyond 2 cm
        "nmi_with_direction": nmi(codes, classes(done)),
        "diagnosis": model.diagnose(batch)._asdict(),
    }


def in_dreams(model: Genie, facts: EpisodeStore, films: EpisodeStore, file: Path) -> dict[str, Any]:
    """Where the pusher goes in dreams that hold one code, read off the features by a probe."""
    train, held_out = films.split()
    fit, test = train[:FITTED], held_out[:STARTS]
    reader = fit_probe(*_known(model, facts, films, fit))
    seen, truth = _known(model, facts, films, test)
    starts = StoreStarts(model, films, held_out, CONTEXT)(STARTS, np.random.default_rng(0))
    begun = reader(model.features(starts))
    moved, pictures = [], []
    for code in range(model.config.codes):
        actions = torch.full((STARTS, HOLD), code)
        with torch.no_grad():
            states = rollout(model, starts, actions)
            last = map_state(lambda x: x[:, -1], states)
            moved.append(reader(model.features(last)) - begun)
            frames = predict_all(model, map_state(lambda x: x[:6], states), ["image"])["image"]
        pictures.append(frames)
    moved_KND = torch.stack(moved)
    means = moved_KND.mean(1, keepdim=True)
    same = (torch.cosine_similarity(moved_KND, means, dim=-1) > 0).flatten()
    _draw(torch.stack(pictures), file)
    return {
        "probe_r2": explained(reader(seen), truth).tolist(),
        "displacement_m": means[:, 0].tolist(),  # after HOLD steps
        "same_side": wilson(int(same.sum()), len(same)).to_json(),  # as the code's mean
        "starts": STARTS,
        "steps": HOLD,
    }


def _known(
    model: Genie, facts: EpisodeStore, films: EpisodeStore, ids: Any
) -> tuple[Tensor, Tensor]:
    """Features of every row of episodes, seen from their beginnings, and where the pusher is."""
    batch = model.own(_batch([films[int(i)] for i in ids]))
    state, found = model.initial(len(ids)), []
    for t in range(batch["is_first"].shape[1]):
        with torch.no_grad():
            state = model.observe(state, {k: v[:, t : t + 1] for k, v in batch.items()})
        found.append(model.features(state))
    place = _batch([facts[int(i)] for i in ids])["facts"][..., :2]
    return torch.stack(found, 1).flatten(0, 1), place.flatten(0, 1)


def _batch(some: list[Episode]) -> dict[str, Tensor]:
    """Episodes, which are all of one length."""
    return {k: torch.from_numpy(np.stack([e[k] for e in some])) for k in some[0].steps}


def _draw(frames: Tensor, file: Path) -> None:
    """[K, N, H, height, width, 3] as a table: a code a row, N dreams side by side."""
    rows = frames.movedim(3, 1)  # K, height, N, H, width, 3
    table = (255 * rows.flatten(2, 4).flatten(0, 1).clamp(0, 1)).byte().numpy()
    Image.fromarray(table).save(file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_memory()
    main()
