"""The loop keeps its promises: phases, modes, guards, and going on as if nothing had happened."""

import signal
from dataclasses import replace

import pytest
import torch

from foreworld.checkpoint import Checkpoint
from foreworld.log import Logger
from foreworld.training import Diverged, OptimiserConfig


class Lines:
    """A sink that keeps what is logged."""

    def __init__(self):
        self.lines = []

    def write(self, step, scalars):
        self.lines.append((step, dict(scalars)))

    def close(self):
        pass


def weights(trainer):
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[k], other[k]) for k in one)


def last_checkpoint(trainer):
    step, arrays, documents = trainer.save[-1]
    return Checkpoint(arrays, documents, {"step": step})


def test_phases_run_in_order_with_their_shares(make_trainer):
    trainer = make_trainer(8)
    trainer.model.eval()
    assert trainer.train()
    names = [name for name, _, _ in trainer.model.seen]
    assert names == ["early"] * 2 + ["late"] * 6
    assert all(training for _, training, _ in trainer.model.seen), "train mode"
    shapes = {name: shape for name, _, shape in trainer.model.seen}
    assert shapes == {"early": (12, 1), "late": (3, 4)}


def test_a_phase_may_be_the_learner_s_alone(make_trainer):
    trainer = make_trainer(8)
    trainer.phases[1] = replace(trainer.phases[1], trains=())
    middle, prepared = {}, []

    class Silent:
        def prepare(self, batch):
            prepared.append(trainer.phase.name)
            return batch

        def update(self, batch, starts, share):
            middle.setdefault("weights", weights(trainer))
            return {"policy/share": torch.tensor(share)}

        def state(self):
            return {}, {}

    trainer.learner = Silent()
    assert trainer.train()
    assert prepared == ["late"] * 6
    assert same(weights(trainer), middle["weights"]), "nothing but the learner moves"


def test_phases_freeze_what_they_do_not_train(make_trainer):
    trainer = make_trainer(8)
    before, middle = weights(trainer), {}

    def grow(updates):
        if updates == 2:
            middle.update(weights(trainer))

    trainer.grow = grow
    trainer.train()
    after = weights(trainer)
    assert not torch.equal(before["first.weight"], middle["first.weight"])
    assert torch.equal(before["second.weight"], middle["second.weight"])
    assert torch.equal(middle["first.weight"], after["first.weight"])
    assert not torch.equal(middle["second.weight"], after["second.weight"])


def test_a_part_may_learn_more_slowly_than_the_rest(make_trainer):
    trainer = make_trainer(1)
    trainer.phases[0] = replace(trainer.phases[0], trains=None, share=1e9, rates={"second": 0.25})
    trainer.optimiser = trainer._optimiser()
    trainer.train()
    rates = {
        name: group["lr"]
        for name, parameter in trainer.model.named_parameters()
        for group in trainer.optimiser.param_groups
        if any(parameter is p for p in group["params"])
    }
    assert rates["second.weight"] == pytest.approx(0.25 * rates["first.weight"]) and rates


@pytest.mark.parametrize("at", [1, 2, 5])  # in the first phase, between the two, in the second
def test_resuming_equals_not_stopping(make_trainer, at):
    config = {"optimiser": OptimiserConfig(warmup=3, ema=0.9)}
    whole = make_trainer(8, **config)
    assert whole.train()

    def stop(updates):
        if updates == at:
            signal.raise_signal(signal.SIGINT)

    stopped = make_trainer(8, stop, **config)
    assert not stopped.train()
    checkpoint = last_checkpoint(stopped)
    assert checkpoint.step == at + 1, "the update in progress is finished first"
    resumed = make_trainer(8, **config)
    torch.manual_seed(99)
    resumed.restore(checkpoint)
    assert resumed.train()
    assert same(weights(whole), weights(resumed))
    average = [last_checkpoint(t).arrays["average"] for t in (whole, resumed)]
    assert same(*average) and not same(average[0], weights(whole))


def test_a_finished_run_stays_as_it_is_or_goes_on(make_trainer):
    done = make_trainer(8)
    done.train()
    again = make_trainer(8)
    again.restore(last_checkpoint(done))
    assert again.train() and again.save == [], "nothing to do, nothing to write"
    assert same(weights(done), weights(again))
    more = make_trainer(12)
    more.restore(last_checkpoint(done))
    assert more.train()
    assert more.progress.updates == 12 and {n for n, *_ in more.model.seen} == {"late"}


@pytest.mark.parametrize(
    ("poison", "says"), [(1, "nothing was saved yet"), (6, "update 4 is good")]
)
def test_training_stops_where_a_loss_is_not_finite(make_trainer, poison, says):
    trainer = make_trainer(8)
    trainer.model.poison = poison

    def grow(updates):
        if updates == 4:
            trainer._save()

    trainer.grow = grow
    with pytest.raises(Diverged, match=rf"update {poison}: x is not finite; .*{says}"):
        trainer.train()
    assert len(trainer.save) == (poison > 4)
    for _, arrays, _ in trainer.save:
        assert all(v.isfinite().all() for v in arrays["model"].values())


def test_what_is_logged(make_trainer):
    sink = Lines()
    trainer = make_trainer(
        8, logger=Logger([sink]), log_every=4, optimiser=OptimiserConfig(warmup=1)
    )
    trainer.train()
    assert [step for step, _ in sink.lines] == [1, 4, 8]
    assert {"loss/x", "loss", "gradient_norm", "lr", "elapsed_s"} <= sink.lines[0][1].keys()
    assert sink.lines[0][1]["lr"] == pytest.approx(1e-3)
    assert sink.lines[1][1]["lr"] > sink.lines[2][1]["lr"] > 0


def test_checkpoints_are_written_now_and_then(make_trainer):
    trainer = make_trainer(4, checkpoint_every_s=0.0)
    trainer.train()
    assert [step for step, *_ in trainer.save] == [1, 2, 3, 4]


def test_asking_twice_is_an_order(make_trainer):
    def grow(updates):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        make_trainer(8, grow).train()
    assert signal.getsignal(signal.SIGINT) is before


def test_once_all_is_mastered_the_rate_falls_to_nothing(make_trainer):
    log = Lines()
    trainer = make_trainer(
        40, logger=Logger([log]), log_every=1, settle=4, optimiser=OptimiserConfig(final=1.0)
    )
    trainer.mastered = lambda: trainer.progress.updates in (20, 22)  # for a while only
    assert trainer.train()
    rates = [scalars["lr"] for _, scalars in log.lines]
    assert len(rates) == 24 and rates[19] == rates[20] > 0
    assert rates[20:] == pytest.approx([rates[19] * share for share in (1, 0.75, 0.5, 0.25)])
    assert trainer.train() and trainer.progress.updates == 24, "and it does not begin again"


def test_settling_goes_on_where_it_was_cut(make_trainer):
    whole = make_trainer(40, settle=8)
    whole.mastered = lambda: True
    whole.train()

    def cut(updates):
        if updates == 3:
            signal.raise_signal(signal.SIGINT)

    first = make_trainer(40, cut, settle=8)
    first.mastered = lambda: True
    assert not first.train() and first.progress.updates == 4
    again = make_trainer(40, settle=8)  # which has not mastered anything itself
    again.restore(last_checkpoint(first))
    assert again.train() and again.progress.updates == 8
    assert same(weights(again), weights(whole))
