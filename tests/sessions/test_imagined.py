"""A world model worn as an environment keeps Gymnasium's promises, and its own."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from foreworld.episodes import EpisodeStore
from foreworld.policies import RandomPolicy
from foreworld.run import build
from foreworld.sessions import ImaginedEnv, ImaginedVectorEnv, StoreStarts
from foreworld.streams import GymStream, collect

torch.set_num_threads(1)
DEBUG = {"deter": 16, "stoch": 4, "classes": 4, "hidden": 16, "see": 0.0, "freeze": False}
SMALL = {**DEBUG, "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16}}
# Checks of what an environment says about itself that a dream cannot know.
UNASKED = ["ignore:.*(render|spec|infinity|Box observation space|Box action spaces).*"]
pytestmark = [pytest.mark.filterwarnings(f) for f in UNASKED]


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory):
    """A store of Pendulum with pictures, and an untrained model of it."""
    stream = GymStream("Pendulum-v1", 2, env_kwargs={"max_episode_steps": 20})
    store = EpisodeStore.create(tmp_path_factory.mktemp("data") / "store", stream.specs)
    for episode in collect(stream, RandomPolicy(stream.specs["action"]), episodes=4):
        store.append(episode)
    stream.close()
    model = build("rssm", store.specs, SMALL).requires_grad_(False).eval()
    _continue_bias(model).fill_(50)
    yield model, store
    store.close()


def _continue_bias(model):
    last = [m for m in model.predictor.modules() if isinstance(m, torch.nn.Linear)][-1]
    assert last.out_features == 1, "the continue head"
    return last.bias


@pytest.fixture(scope="module")
def toy():
    """A model of a key of every kind."""
    from foreworld.vocab import Spec

    specs = {
        "image": Spec((16, 16, 3), "uint8", "image"),
        "third": Spec((), "int64", "discrete", classes=(3,)),
        "words": Spec((8,), "uint8", "text"),
        "far": Spec((), "float32", "vector", observed=False),
        "action": Spec((2,), "int64", "discrete", classes=(3, 2)),
    }
    return build("rssm", specs, SMALL).requires_grad_(False).eval()


@pytest.mark.parametrize("observe", [None, "features"])
def test_gymnasium_has_no_complaint(pendulum, observe):
    model, store = pendulum
    check_env(ImaginedEnv(model, StoreStarts(model, store), 10, observe), skip_render_check=True)


def test_every_kind_of_key_is_shown_and_taken(toy):
    env = ImaginedEnv(toy, horizon=5)
    check_env(env, skip_render_check=True)
    assert set(env.observation_space.spaces) == {"image", "third"}, "what a real policy would see"
    assert env.action_space == gymnasium.spaces.MultiDiscrete((3, 2))
    told = ImaginedEnv(toy, observe=["far", "image"])
    assert set(told.reset(seed=0)[0]) == {"far", "image"}
    with pytest.raises(ValueError, match="unknown prediction 'imge'; did you mean 'image'"):
        ImaginedEnv(toy, observe="imge")


def play(env, seed, steps=25):
    rows = [env.reset(seed=seed)[0]]
    for t in range(steps):
        observation, reward, *flags, _ = env.step(np.full((env.num_envs, 1), np.sin(t), np.float32))
        rows.append(np.concatenate([observation, reward[:, None], *(f[:, None] for f in flags)], 1))
    return rows


def test_same_seed_same_dream(pendulum):
    model, store = pendulum
    make = [ImaginedVectorEnv(model, 3, StoreStarts(model, store), 7) for _ in range(2)]
    one, other, third = play(make[0], 1), play(make[1], 1), play(make[0], 2)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[3], third[3])
    assert not np.array_equal(one[0][0], one[0][1]), "rows begin apart"
    calm = [ImaginedVectorEnv(model, 3, noise=False) for _ in range(2)]
    assert np.array_equal(play(calm[0], 1)[5], play(calm[1], 2)[5]), "no noise, no chance"


def test_a_dream_is_the_models_rollout(pendulum):
    model, store = pendulum
    env = ImaginedVectorEnv(model, 4, StoreStarts(model, store), observe="features", noise=False)
    env.reset(seed=0)
    state, action = env._state, torch.rand(4, 1)
    observation, reward, *_ = env.step(action.numpy())
    wanted = model.imagine(state, action)
    np.testing.assert_array_equal(observation, model.features(wanted))
    np.testing.assert_allclose(reward, model.predict(wanted)["reward"].mean)


def test_dreams_end_by_the_clock_and_begin_anew(pendulum):
    model, store = pendulum
    env = ImaginedVectorEnv(model, 2, StoreStarts(model, store), horizon=3)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env.reset(seed=0)
    cut, rewards = [], []
    for _ in range(8):
        _, reward, terminated, truncated, _ = env.step(np.zeros((2, 1), np.float32))
        cut.append(bool((truncated | terminated).all()))
        rewards.append(reward[0])
    assert cut == [False, False, True, False, False, False, True, False]
    assert rewards[3] == rewards[7] == 0 != rewards[4], "a reset brings no reward"


def test_some_dreams_can_begin_anew_at_once(pendulum):
    model, store = pendulum
    env = ImaginedVectorEnv(model, 3, StoreStarts(model, store), horizon=4)
    before, _ = env.reset(seed=0)
    for _ in range(3):
        before, *_ = env.step(np.zeros((3, 1), np.float32))
    mask = np.array([False, True, False])
    after, _ = env.reset(options={"reset_mask": mask})
    assert np.array_equal(after[~mask], before[~mask]) and (after[mask] != before[mask]).any()
    *_, truncated, _ = env.step(np.zeros((3, 1), np.float32))
    assert truncated.tolist() == [True, False, True], "its clock begins anew as well"


def test_a_dream_terminates_where_the_model_expects_it(pendulum):
    model, _ = pendulum
    doomed = build("rssm", model.specs, SMALL).requires_grad_(False).eval()
    _continue_bias(doomed).fill_(-50)
    _, _, terminated, truncated, _ = _stepped(ImaginedVectorEnv(doomed, 2, horizon=1))
    assert terminated.all() and not truncated.any()


def _stepped(env):
    env.reset(seed=0)
    return env.step(np.zeros((env.num_envs, 1), np.float32))


def test_starts_are_what_was_observed(pendulum):
    model, store = pendulum
    starts = StoreStarts(model, store, ids=[2], context=3)
    state = starts(6, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    rng.choice(1, 6, p=[1.0])
    rng.random(6)  # who begins where episodes begin: none of these
    ends = rng.integers([len(store[2]) - 1] * 6) + 1
    keys = ("vector", "action", "is_first")
    for row, end in enumerate(ends):
        window = {k: store.column(2, k)[max(0, end - 3) : end].copy() for k in keys}
        window["is_first"][0] = True
        batch = {k: torch.from_numpy(v)[None] for k, v in window.items()}
        alone = model.observe(model.initial(1), batch)
        torch.testing.assert_close(model.features(state)[row], model.features(alone)[0])
        assert torch.equal(state.action[row], alone.action[0])


def test_a_share_of_dreams_begins_where_episodes_begin(pendulum):
    model, store = pendulum

    def stochs(share):
        return StoreStarts(model, store, first=share)(200, np.random.default_rng(0)).stoch

    firsts = torch.unique(stochs(1.0), dim=0)
    assert len(firsts) <= len(store)
    for share, low, high in ((0.0, 0.0, 0.15), (0.5, 0.35, 0.65), (1.0, 1.0, 1.0)):
        apart = (stochs(share)[:, None] - firsts).abs().amax(-1).amin(1)
        assert low <= (apart < 1e-4).float().mean() <= high, share


def test_a_model_without_reward_is_refused(toy):
    from types import SimpleNamespace

    with pytest.raises(ValueError, match="unknown head for an environment 'reward'"):
        ImaginedEnv(SimpleNamespace(heads=("image",), initial=None))
