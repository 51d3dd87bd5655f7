"""What a family asks to be watched is logged, and what is wrong is told once."""

from __future__ import annotations

from foreworld.log import Logger
from foreworld.vocab import Diagnosis, Phase


class Lines:
    def __init__(self):
        self.lines = []

    def write(self, step, scalars):
        self.lines.append(dict(scalars))

    def close(self):
        pass


def watched(make_trainer, diagnose):
    lines = Lines()
    trainer = make_trainer(20, logger=Logger([lines]), log_every=2)
    trainer.model.diagnose = diagnose
    trainer.train()
    return trainer, lines.lines


def test_an_alarm_is_told_when_it_begins(make_trainer, capsys):
    seen = []

    def diagnose(batch):
        seen.append(len(seen))
        ill = 4 <= len(seen) < 7 or len(seen) == 8
        return Diagnosis({"spread": float(len(seen))}, ("all the same",) if ill else ())

    trainer, lines = watched(make_trainer, diagnose)
    assert [line["watch/spread"] for line in lines] == [float(n + 1) for n in seen]
    assert sum(line["alarms"] for line in lines) == 4 and not trainer.watch.alarms
    assert capsys.readouterr().err.count("alarm: all the same") == 2


def test_nothing_is_expected_at_the_very_beginning(make_trainer, capsys):
    trainer, lines = watched(make_trainer, lambda batch: Diagnosis({"x": 0.0}, ("broken",)))
    assert lines[0]["alarms"] == 0 and lines[-1]["alarms"] == 1
    assert trainer.watch.alarms == ("broken",)
    assert capsys.readouterr().err.count("alarm") == 1


def test_it_is_not_asked_in_phases_that_are_not_watched(make_trainer):
    trainer = make_trainer(8, log_every=1)
    asked = []
    trainer.model.diagnose = lambda batch: asked.append(batch) or Diagnosis({})
    early, late = trainer.phases
    trainer.phases = [Phase(**{**vars(early), "watched": False}), late]
    trainer.train()
    assert len(asked) == 6


def test_families_without_a_diagnosis_log_what_they_did(make_trainer):
    lines = Lines()
    make_trainer(2, logger=Logger([lines])).train()
    assert not any("watch" in key or key == "alarms" for line in lines.lines for key in line)
