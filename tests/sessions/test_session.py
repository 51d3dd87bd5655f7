"""A session is its start, its seed and its actions; its past is a tree that nothing changes."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.run import build
from foreworld.sessions import Rows, Session, advance
from foreworld.sessions.rows import same
from foreworld.sessions.session import KEY, kept_for_good
from foreworld.sessions.snapshot import name_of, pack, unpack
from foreworld.vocab import Spec

sys.path.insert(0, str(Path(__file__).parent))  # for walker

from walker import Crowd, Walker, pushes, walk

TOY = {
    "image": Spec((16, 16, 3), "uint8", "image"),
    "position": Spec((2,), "float32", "vector", low=0.0, high=1.0, names=("dot.x", "dot.y")),
    "third": Spec((), "int64", "discrete", classes=(3,)),
    "far": Spec((), "float32", "vector", observed=False),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
}
CODEC = {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16}
FAMILIES = {
    "rssm": {"deter": 16, "stoch": 4, "classes": 4, "hidden": 16, "codec": CODEC},
    "slots": {"hidden": 16, "codec": CODEC},
    "jepa": {"latent": 8, "width": 16, "window": 3, "frames": 2, "codec": CODEC},
}


def model_of(family):
    model = build(family, TOY, FAMILIES[family], seed=3).requires_grad_(False).eval()
    with torch.no_grad():  # as born, many heads say the same of everything
        rng = torch.Generator().manual_seed(5)
        for weights in model.parameters():
            weights += 0.1 * torch.randn(weights.shape, generator=rng)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_sixteen_sessions_are_sixteen_alone(family):
    rows = Rows(model_of(family))
    assert rows.exact
    plays = [pushes(40, seed) for seed in range(16)]

    def begun(seed):
        session = Session(rows, seed)
        session.begin(rows.model.initial(1))
        return session

    together = [begun(seed) for seed in range(16)]
    for step in range(40):
        advance(together, [play[step] for play in plays])
    for seed, one in enumerate(together):
        alone = begun(seed)
        for push in plays[seed]:
            alone.step(push)
        assert same(alone.state, one.state)
    heads = list(rows.heads)
    said = rows.predict([s.state for s in together], heads)
    for one, row in zip(together, said, strict=True):
        mine = rows.predict([one.state], heads)[0]
        assert all(np.array_equal(mine[h], row[h]) for h in heads)
        assert torch.equal(
            rows.features([one.state]), rows.features([one.state, together[3].state])[:1]
        )
    ends = [s.state for s in together]
    assert not any(same(a, b) for a, b in zip(ends, ends[1:], strict=False)), "they do differ"


def test_rows_that_meet_are_found_out_and_kept_apart():
    rows = Rows(Crowd())
    assert not rows.exact and Rows(Walker()).exact
    one, other = (Session(rows, seed) for seed in (1, 2))
    for session in (one, other):
        session.begin(rows.model.initial(1))
    alone = walk(1, Crowd())
    for push in pushes(5):
        advance([one, other], [push, -push])
        alone.step(push)
    assert same(one.state, alone.state)


@pytest.mark.parametrize("family", ["rssm", "slots"])
def test_a_branch_replays_two_hundred_steps(family):
    rows, plays = Rows(model_of(family)), pushes(300)
    session = Session(rows, 11)
    session.begin(rows.model.initial(1))
    for push in plays:
        session.step(push)
    first = session.tree.here
    session.tree.fork(100, "again")
    for push in plays[100:]:
        session.step(push)
    assert session.tree.here != first and session.node.frame == 300
    assert same(session.state, session.state_of(first))
    session.tree.fork(100, "otherwise")
    for push in plays[100:]:
        session.step(-push)
    assert not same(session.state, session.state_of(first))


def test_states_that_were_forgotten_are_made_again():
    session = walk()
    for push in pushes(100):
        session.step(push)
    before = {id: session.state_of(id) for id in session.tree.nodes}
    for id, node in session.tree.nodes.items():
        if not kept_for_good(node):
            session._states.pop(id)
    assert len(session._states) == 1 + 100 // KEY
    assert all(same(session.state_of(id), state) for id, state in before.items())


def test_going_back_and_on_grows_a_branch():
    session = walk()
    tree = session.tree
    for push in pushes(10):
        session.step(push)
    assert session.rewind(4).frame == 6 and len(tree.branches) == 1
    node = session.step(np.ones(2, np.float32))
    assert node.parent == 6 and tree.branch == 1
    assert [(b.parent, b.fork, b.first, b.head) for b in tree.branches] == [
        (None, None, 0, 10),
        (0, 6, 11, 11),
    ]
    tree.goto(0)
    assert session.node.id == 10
    assert session.rewind(1000).id == 0
    tree.rewind(11)
    assert tree.branch == 1
    session.step(np.ones(2, np.float32))
    assert len(tree.branches) == 2, "it went on at the end of its branch"
    with pytest.raises(ValueError, match="no node 99: there are 0 to 12"):
        tree.rewind(99)
    with pytest.raises(ValueError, match="no branch 7: there are 0 to 1"):
        tree.goto(7)


def test_a_fork_copies_nothing():
    session = walk()
    for push in pushes(50):
        session.step(push)
    nodes, states = len(session.tree.nodes), len(session._states)
    for _ in range(100):
        session.tree.fork(25, "")
    assert (len(session.tree.nodes), len(session._states)) == (nodes, states)


def test_what_is_taken_in_replaces_the_dream_at_the_same_frame():
    session = walk()
    session.step(np.ones(2, np.float32))
    dreamt = session.node
    seen = session.rows.model.initial(1)._replace(place=torch.tensor([[5.0, 5.0]]))
    node = session.take_in(seen)
    assert (node.frame, node.parent, node.observed) == (dreamt.frame, dreamt.id, True)
    assert same(session.state, seen)
    session.step(np.zeros(2, np.float32))
    assert session.state.place[0, 0] > 4
    assert session.tree.observed == [0, node.id]


def test_a_snapshot_goes_on_elsewhere_as_it_would_have_here():
    session = walk(seed=2**63 + 5)
    for push in pushes(20):
        session.step(push)
    data = pack(session, "abc")
    assert pack(session, "abc") == data and name_of(data) != name_of(pack(session, "abc", node=3))
    kept = unpack(data, session.rows.model, "abc")
    other = Session(session.rows, 99)
    other.begin(kept.state, kept.seed, kept.frame, observed=False)
    for push in pushes(30, seed=1):
        advance([session, other], [push, push])
    assert same(session.state, other.state) and other.node.frame == 50


def test_snapshots_of_others_and_broken_ones_are_refused():
    session = walk()
    data = pack(session, "abc")
    with pytest.raises(ValueError, match="taken of model abc, this one is xyz"):
        unpack(data, session.rows.model, "xyz")
    for broken in (b"", data[:40], data[:-3], b"\xff" * 100, data[:8] + b"}" * (len(data) - 8)):
        with pytest.raises(ValueError, match="no snapshot"):
            unpack(broken, session.rows.model, "abc")
    with pytest.raises(ValueError, match="for 'deter'"):
        unpack(data, model_of("rssm"), "abc")
    with pytest.raises(ValueError, match="at most"):
        unpack(b"\0" * (1 << 21), session.rows.model, "abc")


@pytest.mark.parametrize("family", FAMILIES)
def test_snapshots_of_default_models_are_small(family):
    specs = {**TOY, "image": Spec((64, 64, 3), "uint8", "image")}
    model = build(family, specs, {}).requires_grad_(False).eval()
    state = model.initial(1)
    session = Session.__new__(Session)  # without trying a large model's rows
    session.__init__(type("Alone", (), {"model": model})(), 0)
    session.begin(state)
    data = pack(session, "abc")
    assert len(data) <= 64_000
    assert same(unpack(data, model, "abc").state, state)


def test_what_is_most_likely_needs_no_noise():
    session = walk()
    session.chance = False
    for _ in range(10):
        session.step(np.ones(2, np.float32))
    assert session.state.place.tolist() == [[10.0, 10.0]]
    drawn = Session(session.rows, 7)
    drawn.begin(session.rows.model.initial(1))
    push = np.ones(2, np.float32)
    advance([drawn, session], [push, push])
    assert session.state.place.tolist() == [[11.0, 11.0]] != drawn.state.place.tolist()
    session.chance = True
    session.step(push)
    before = session.state
    for id in list(session._states):
        if not kept_for_good(session.tree.nodes[id]):
            session._states.pop(id)
    assert same(session.state, before), "each instant remembers how it came about"
