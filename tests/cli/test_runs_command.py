"""`foreworld runs` tells what is in a folder, and its page shows nothing else."""

import json
import threading
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from foreworld.cli.main import main
from foreworld.cli.runs import details, summaries
from foreworld.disk import write_json, write_whole
from foreworld.serving.dashboard import MOST, Shelf, make_server


def made(path: Path, records, **training):
    training = {"steps": None, "budget_s": None, "learner": None} | training
    world = {"env": "foreworld/Tabletop-v0"}
    document = {"family": "rssm", "config": {"deter": 8}, "specs": {}, "world": world}
    write_json(path / "run.json", document | {"training": training, "episodes": None})
    write_whole(path / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in records))


@pytest.fixture
def folder(tmp_path):
    old = [{"step": n, "time": 100.0 + n, "loss": 1 / (n + 1)} for n in range(2 * MOST + 1)]
    new = [{"step": 5, "time": 9e9, "loss": None, "world/return": 12.5}]
    made(tmp_path / "group" / "old", old, steps=1000)
    made(tmp_path / "new", new, budget_s=60.0)
    write_whole(tmp_path / "new" / "report.html", "<p>report</p>")
    write_whole(tmp_path / "new" / "secret.txt", "mine")
    verdict = {"use": "play", "light": "green", "horizon": 7, "why": "", "missing": []}
    write_json(tmp_path / "new" / "trust" / "report.json", {"schema": 1, "verdicts": [verdict]})
    made(tmp_path / "new" / "checkpoints" / "inside", [], steps=1)  # a run's own business
    return tmp_path


def test_the_latest_comes_first(folder, capsys):
    assert main(["runs", str(folder), "--json"]) == 0
    new, old = json.loads(capsys.readouterr().out)["runs"]
    assert (new["run"], old["run"]) == ("new", "group/old")
    assert new["training"] and not old["training"]
    assert (new["return"], new["loss"], new["budget"], new["trust"]) == (
        12.5,
        None,
        "60 s",
        {"play": 7},
    )
    assert (old["step"], old["budget"], old["files"]) == (2 * MOST, "1,000 steps", [])
    assert new["files"] == ["report.html"]
    assert main(["runs", str(folder)]) == 0
    assert "rssm" in capsys.readouterr().out


def test_nothing_is_said_to_be_nothing(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 1
    assert main(["runs", str(tmp_path / "none")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "make one with: foreworld demo" in first and "there is no folder" in second


@pytest.fixture
def ask(folder):
    server = make_server(Shelf(folder, partial(summaries, folder), details), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    def ask(path, host="127.0.0.1"):
        url = f"http://127.0.0.1:{server.server_port}{path}"
        request = urllib.request.Request(url, headers={"Host": f"{host}:{server.server_port}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, b""

    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_and_its_parts_are_there(ask):
    status, html = ask("/")
    assert status == 200 and b"/static/runs.js" in html
    for name in ("runs.js", "plot.js", "runs.css", "look.css", "element.js", "theme.js"):
        assert ask(f"/static/{name}")[0] == 200
    assert len(json.loads(ask("/api/runs")[1])["runs"]) == 2


def test_curves_are_thinned_and_end_where_training_is(ask):
    told = json.loads(ask("/api/run?name=group%2Fold")[1])
    loss = told["curves"]["loss"]
    assert len(loss["steps"]) <= MOST and loss["steps"][-1] == 2 * MOST
    assert loss["values"][-1] == 1 / (2 * MOST + 1)
    assert told["config"]["config.deter"] == 8 and told["config"]["training.steps"] == 1000
    assert json.loads(ask("/api/run?name=new")[1])["curves"]["loss"] == {"steps": [], "values": []}


@pytest.mark.parametrize(
    "path",
    ["/files/new/secret.txt", "/files/new/../new/secret.txt", "/files/new/%2e%2e/%2e%2e/etc/passwd",
     "/static/..%2fdashboard.py", "/static/nothing.js", "/api/run?name=none", "/api/run"],
)  # fmt: skip
def test_nothing_else_is_shown(ask, path):
    assert ask("/files/new/report.html") == (200, b"<p>report</p>")
    assert ask(path)[0] == 404


def test_only_this_machine_is_answered(ask):
    assert ask("/api/runs", host="evil.example")[0] == 403
    assert ask("/api/runs", host="localhost")[0] == 200
