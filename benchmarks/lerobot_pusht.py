"""PushT as a LeRobot dataset of two cameras and an instruction: size, likeness, speed, exactness.

pip install gym-pusht 'pymunk<7'
python benchmarks/lerobot_pusht.py pusht            # writes three datasets, one for each codec
foreworld train pusht/lossless --run runs/pusht --steps 2000    # and learns from one
foreworld trust runs/pusht                                           # without the simulator

The second camera follows the agent. Three scripted behaviours tell what an instruction means:
pushing the block to its target, circling around it, keeping away from it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from foreworld.data.encoder import FilmWriter, psnr
from foreworld.data.exporting import export_store
from foreworld.data.formats import open_source
from foreworld.data.frames import decode, look
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.provenance import provenance
from foreworld.vocab import Episode, Spec

RESULT = Path(__file__).parent / "results" / "lerobot_pusht.json"
EPISODES, ROWS, FPS, SIDE = 12, 61, 10, 96
CODECS = ("lossless", "h264", "av1")
KEY_EVERY = (2, 10, 50)
SIZES = (96, 224)
TASKS = (
    "push the T-shaped block to the green target",
    "circle around the block",
    "keep away from the block",
)
SPECS = {
    "top": Spec((SIDE, SIDE, 3), "uint8", "image"),
    "near": Spec((48, 48, 3), "uint8", "image"),
    "state": Spec((2,), "float32", "vector", 0.0, 512.0, names=("agent.x", "agent.y")),
    "instruction": Spec((48,), "uint8", "text"),
    "action": Spec((2,), "float32", "vector", 0.0, 512.0, names=("x", "y")),
}


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with EpisodeStore.create(folder / "store", SPECS) as store:
        for number in range(EPISODES):
            store.append(play(number))
    result: dict[str, Any] = {"episodes": EPISODES, "rows": store.num_steps, "codecs": {}}
    for codec in CODECS:
        result["codecs"][codec] = there_and_back(store, folder, codec)
        print(codec, result["codecs"][codec], flush=True)
    frames = np.concatenate([episode["top"] for episode in store])[:240]
    result["decoding"] = [line for size in SIZES for line in speeds(frames, size, folder)]
    write_json(RESULT, {**result, "provenance": provenance()})


def play(number: int) -> Episode:
    """One episode of one behaviour."""
    env = gym.make("gym_pusht/PushT-v0", obs_type="pixels_agent_pos", disable_env_checker=True)
    rng = np.random.default_rng(number)
    seen, info = env.reset(seed=number)
    task, turn = number % 3, rng.uniform(0, 2 * np.pi)
    rows: dict[str, list[Any]] = {key: [] for key in ("top", "state", "action", "reward")}
    reward, done = 0.0, False
    while True:
        rows["top"].append(seen["pixels"])
        rows["state"].append(np.float32(seen["agent_pos"]))
        rows["reward"].append(np.float32(reward))
        if done or len(rows["top"]) == ROWS:
            break
        action = aim(task, info, turn + len(rows["top"]) / 8, rng).clip(0, 512).astype(np.float32)
        rows["action"].append(action)
        seen, reward, done, _, info = env.step(action)
    env.close()
    return told({key: np.stack(values) for key, values in rows.items()}, task, done)


def aim(task: int, info: dict[str, Any], turn: float, rng: np.random.Generator) -> np.ndarray:
    """Where a behaviour wants the agent to go, pixels of 512."""
    agent, block = np.array(info["pos_agent"]), np.array(info["block_pose"][:2])
    noise = rng.normal(0, 8, 2)
    if task == 1:
        return block + 130 * np.array([np.cos(turn), np.sin(turn)]) + noise
    if task == 2:
        away = agent - block
        return agent + 60 * away / (np.linalg.norm(away) + 1e-6) + 3 * noise
    goal = np.array(info["goal_pose"][:2])
    behind = block + 90 * (block - goal) / (np.linalg.norm(block - goal) + 1e-6)
    ready = np.linalg.norm(agent - behind) < 60 or np.dot(agent - block, goal - block) < 0
    return (goal if ready else behind) + noise


def told(rows: dict[str, np.ndarray], task: int, done: bool) -> Episode:
    """Rows as an episode of `SPECS`."""
    length = len(rows["top"])
    n = np.arange(length)
    words = np.frombuffer(TASKS[task].encode().ljust(48, b"\0"), np.uint8)
    steps = {
        **rows,
        "top": rows["top"].astype(np.uint8),
        "near": np.stack([around(*pair) for pair in zip(rows["top"], rows["state"], strict=True)]),
        "instruction": np.tile(words, (length, 1)),
        "action": np.concatenate([rows["action"], np.zeros((1, 2), np.float32)]),
        "is_first": n == 0,
        "is_last": n == length - 1,
        "is_terminal": (n == length - 1) & done,
    }
    return Episode(steps)


def around(picture: np.ndarray, agent: np.ndarray) -> np.ndarray:
    """What the camera sees that follows the agent: 48 x 48 pixels around it."""
    wide = np.pad(picture, ((24, 24), (24, 24), (0, 0)))
    x, y = (agent * SIDE / 512).round().astype(int).clip(0, SIDE)
    return wide[y : y + 48, x : x + 48].astype(np.uint8)


def there_and_back(store: EpisodeStore, folder: Path, codec: str) -> dict[str, Any]:
    """Write a dataset, read it, and hold one against the other."""
    start = time.process_time()
    export_store(store, folder / codec, "lerobot", FPS, {"codec": codec})
    written = time.process_time()
    with open_source(folder / codec) as source:
        import_dataset(source, folder / f"{codec}-back", usual(source), workers=1)
    read = time.process_time()
    back = EpisodeStore.open(folder / f"{codec}-back")
    pairs = list(zip(store, back, strict=True))
    alike = {key: min(psnr(a[key], b[key]) for a, b in pairs) for key in ("top", "near")}
    rest = [key for key in pairs[0][0].steps if key not in alike]
    films = sum(file.stat().st_size for file in (folder / codec).rglob("*.mp4"))
    return {
        "exact_but_pictures": all(np.array_equal(a[k], b[k]) for a, b in pairs for k in rest),
        "psnr_db_worst_episode": {k: "exact" if v == float("inf") else v for k, v in alike.items()},
        "kilobytes_a_row": films / store.num_steps / 1e3,
        "rows_written_a_cpu_second": store.num_steps / (written - start),
        "rows_read_a_cpu_second": store.num_steps / (read - written),
    }


def speeds(frames: np.ndarray, size: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Frames a CPU second, in order and one here and there, by codec and distance of key frames."""
    frames = np.stack([np.asarray(Image.fromarray(f).resize((size, size))) for f in frames])
    somewhere = np.sort(np.random.default_rng(0).choice(len(frames), 32, replace=False))
    for codec in CODECS:
        for key_every in KEY_EVERY:
            path = folder / f"{codec}-{size}-{key_every}.mp4"
            film = FilmWriter(path, FPS, size, size, codec=codec, key_every=key_every)
            encoding = cpu(lambda film=film: (film.add(frames), film.close()))
            film = look(path)
            ordered = cpu(lambda film=film: decode(film, np.arange(len(film))))
            single = cpu(lambda film=film: [decode(film, somewhere[n : n + 1]) for n in range(32)])
            line = {"codec": codec, "size": size, "key_every": key_every}
            line |= {"kilobytes_a_frame": path.stat().st_size / len(film) / 1e3}
            line |= {"encoded": len(film) / encoding, "decoded": len(film) / ordered}
            line |= {"single_frames": 32 / single, "frames": len(film)}
            print({k: round(v, 2) if isinstance(v, float) else v for k, v in line.items()})
            yield line


def cpu(work: Any) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    import gym_pusht  # noqa: F401  registers its world

    main(Path(sys.argv[1] if len(sys.argv) > 1 else "pusht"))
