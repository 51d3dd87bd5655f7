"""Graphs say what the verbs say, in torch and in ONNX Runtime."""

import numpy as np
import pytest
import torch

from foreworld.serving.graphs import make_graphs, numbers, with_leaves
from foreworld.serving.targets import TARGETS

STEPS = 64


def graphs(model, rows=1, heads=None):
    return {graph.name: graph for graph in make_graphs(model, rows, heads)}


def test_leaves_have_the_names_of_their_places(drift):
    state = drift.initial(3)
    assert list(numbers(state)) == ["place", "past.place", "past.count", "action"]
    leaves = [torch.full_like(x, n) for n, x in enumerate(numbers(state).values())]
    again = with_leaves(state, leaves)
    assert [int(x.flatten()[0]) for x in numbers(again).values()] == [0, 1, 2, 3]
    assert type(again.past) is type(state.past) and again.words.shape == (3, 0)


def test_inputs_and_outputs_are_named(drift):
    found = graphs(drift, rows=2, heads=["reward", "image"])
    state = ["state.place", "state.past.place", "state.past.count", "state.action"]
    after = tuple(name.replace("state", "next") for name in state)
    assert list(found["imagine"].inputs) == [*state, "action", "noise"]
    assert list(found["observe"].inputs) == [*state, "image", "place", "is_first"]
    assert found["imagine"].outputs == found["observe"].outputs == after
    assert found["predict"].outputs == ("reward", "image")
    assert all(len(x) == 2 for graph in found.values() for x in graph.inputs.values())


def test_inputs_share_no_memory(drift):
    """The exporter would take two leaves of `initial` that are one tensor for one input."""
    places = [x.data_ptr() for x in graphs(drift)["imagine"].inputs.values()]
    assert len(set(places)) == len(places)


def test_observe_is_one_real_step(drift):
    graph = graphs(drift)["observe"]
    inputs = {**graph.inputs, "place": torch.tensor([[0.3, -0.2]])}
    batch = {k: inputs[k].unsqueeze(1) for k in ("image", "place", "is_first")}
    expected = numbers(drift.observe(drift.initial(1), batch))
    for a, b in zip(graph.verb(*inputs.values()), expected.values(), strict=True):
        assert torch.equal(a, b)


@pytest.fixture(scope="module")
def sessions(drift, tmp_path_factory):
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("graphs")
    opened = {}
    for name, graph in graphs(drift).items():
        TARGETS["onnx"].write(graph, folder / f"{name}.onnx")
        opened[name] = ort.InferenceSession(folder / f"{name}.onnx")
    return opened


def test_onnx_says_what_python_says_for_64_steps(drift, sessions):
    noise = drift.noise(1, STEPS, seed=3)
    actions = torch.rand(STEPS, 1, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    state = drift.initial(1)
    theirs = {f"state.{name}": x.numpy() for name, x in numbers(state).items()}
    apart = []
    for t in range(STEPS):
        state = drift.imagine(state, actions[t], noise[:, t])
        feeds = theirs | {"action": actions[t].numpy(), "noise": noise[:, t].numpy()}
        theirs = run(sessions["imagine"], feeds, "next", "state")
        told = run(sessions["predict"], theirs)
        for head, said in drift.predict(state).items():
            apart.append(np.abs(said.mean.numpy() - told[head]).max())
    assert max(apart) <= 1e-4
    assert state.place.abs().min() > 1e-2 and int(theirs["state.past.count"][0]) == STEPS


def run(session, feeds, old="", new=""):
    names = [output.name for output in session.get_outputs()]
    return {n.replace(old, new, 1): x for n, x in zip(names, session.run(None, feeds), strict=True)}
