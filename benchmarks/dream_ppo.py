"""PPO of stable-baselines3, trained in a world model's dreams alone, tested in the real world.

pip install -e '.[sb3,classic]'
python benchmarks/dream_ppo.py runs/actor_critic/cartpole_state_0 --seeds 0 1 2

The run gives the world model and the states to dream from; its own policy is not used. PPO sees
what the model predicts that the world would show, and acts on the real observation when tested.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import HELD_OUT, evaluate_policy, provenance
from foreworld.policies import NoopPolicy, RandomPolicy
from foreworld.run import Run, load, make_stream
from foreworld.sessions import ImaginedVectorEnv, StoreStarts
from foreworld.training.threads import keep_memory, set_threads

RESULT = Path(__file__).parent / "results" / "dream_ppo.json"
# Of 200 steps, so that dreams can reach the ends of the track; half begin as the world does.
DREAMS, HORIZON, FIRST, STEPS = 64, 200, 0.5, 100_000
SETTINGS = {"n_steps": 32, "batch_size": 256, "n_epochs": 10, "gamma": 0.98, "gae_lambda": 0.9}
LEARNING_RATE, CLIP = 1e-3, 0.2  # at first; both fall linearly to zero


class Dreams(VecEnv):
    """`ImaginedVectorEnv` in the words of stable-baselines3, which resets within the step."""

    def __init__(self, env: ImaginedVectorEnv) -> None:
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.env = env

    def reset(self) -> np.ndarray:
        return self.env.reset()[0]

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        observation, reward, terminated, truncated, _ = self.env.step(self.actions)
        ended = terminated | truncated
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(ended):
            infos[i] = {
                "terminal_observation": observation[i],
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
            }
        if ended.any():
            observation, _ = self.env.reset(options={"reset_mask": ended})
        return observation, reward.astype(np.float32), ended, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.env, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kw: Any) -> Any:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Acting:
    """A trained PPO as a policy of ours."""

    def __init__(self, ppo: PPO, key: str) -> None:
        self.ppo, self.key = ppo, key

    def init(self, num_envs: int) -> None:
        return None

    def act(self, carry: None, step: Any) -> tuple[None, np.ndarray]:
        return None, self.ppo.predict(step[self.key], deterministic=True)[0]


def measure(run: Run, store: EpisodeStore, seed: int, episodes: int) -> dict[str, Any]:
    """Train in dreams, then act in the world."""
    began = time.process_time()
    starts = StoreStarts(run.model, store, store.split()[0], context=8, first=FIRST)
    env = ImaginedVectorEnv(run.model, DREAMS, starts, HORIZON)
    env.reset(seed=seed)
    ppo = PPO(
        "MlpPolicy", Dreams(env), lambda left: LEARNING_RATE * left,
        clip_range=lambda left: CLIP * left, seed=seed, device="cpu", **SETTINGS,
    )  # fmt: skip
    ppo.learn(STEPS)
    cpu_s = time.process_time() - began
    [key] = env.keys or []
    assert run.world is not None
    make = partial(make_stream, run.world)
    score = evaluate_policy(Acting(ppo, key), make, episodes, HELD_OUT, until_success=False)
    print(f"seed {seed}: {score.returns}, {cpu_s:.0f} CPU-seconds", flush=True)
    return {"seed": seed, "cpu_s": round(cpu_s), "score": score.to_json()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=50)
    args = parser.parse_args()
    set_threads(1)
    keep_memory()
    torch.manual_seed(0)
    run = load(args.run)
    store = EpisodeStore.open(run.store_path)
    seeds = [measure(run, store, seed, args.episodes) for seed in args.seeds]
    spec = run.model.specs["action"]
    assert run.world is not None
    baselines = {
        name: evaluate_policy(
            policy, partial(make_stream, run.world), args.episodes, HELD_OUT, until_success=False
        ).to_json()
        for name, policy in (("random", RandomPolicy(spec)), ("noop", NoopPolicy(spec)))
    }
    write_json(
        RESULT,
        {
            "world": run.document["world"],
            "model": {"run": args.run.name, "updates": run.step, "steps_seen": store.num_steps},
            "ppo": SETTINGS | {"learning_rate": LEARNING_RATE, "clip_range": CLIP},
            "dreams": {"num": DREAMS, "horizon": HORIZON, "first": FIRST, "steps": STEPS},
            "seeds": seeds,
            "baselines": baselines,
            "provenance": provenance(),
        },
    )


if __name__ == "__main__":
    main()
