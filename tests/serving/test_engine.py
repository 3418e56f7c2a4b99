"""The queue before the model: bounded, shared, and done with those who have left."""

from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import torch
from PIL import Image

from rs2sam2.model.rs2sam2 import RS2SAM2Output
from rs2sam2.serving.engine import _PATIENCE, Engine, Ticket
from rs2sam2.serving.metrics import Metrics
from rs2sam2.serving.model import Model, Question
from rs2sam2.serving.picture import Picture, make_picture
from rs2sam2.serving.refusals import Refusal

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
WAIT = 60.0


class HeldWeights:
    """Stands in for the weights: answers when it is let, and notes what was asked together."""

    def __init__(self) -> None:
        self.go, self.began = Event(), Event()
        self.passes: list[list[str]] = []

    def outputs(self, questions):
        self.began.set()
        assert self.go.wait(WAIT)
        self.passes.append([text for _, text in questions])
        if any(text == "broken" for _, text in questions):
            raise RuntimeError("the model broke")
        one = torch.zeros(1, 1)
        for _ in questions:
            yield RS2SAM2Output(torch.zeros(1, 1, 4, 4), None, one, one, None, one)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "black.png")
    make_picture(tmp_path / "black.png", "picture", "black", tmp_path / "picture.tif", lambda share: None)
    return Picture.load(tmp_path / "picture.tif")


@pytest.fixture
def model() -> HeldWeights:
    return HeldWeights()


@pytest.fixture
def engine(model: HeldWeights):
    engine = Engine(Model(model), 4, Metrics())
    yield engine
    model.go.set()
    engine.close()


WHOLE = (0, 0, 50, 40)


def asked(engine: Engine, picture: Picture, *texts: str, window=WHOLE) -> Ticket:
    ticket = Ticket(picture, window, Question(texts))
    engine.submit(ticket)
    return ticket


def occupy(engine: Engine, model: HeldWeights, picture: Picture) -> Ticket:
    """Have the model busy with something."""
    first = asked(engine, picture, "first")
    assert model.began.wait(WAIT)
    return first


def test_what_is_about_the_same_scene_goes_together(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    first = occupy(engine, model, picture)
    tickets = [
        asked(engine, picture, "a"),
        asked(engine, picture, "elsewhere", window=(0, 0, 30, 30)),
        asked(engine, picture, "b", "c"),
        asked(engine, picture, *("x" * n for n in range(1, 7))),
    ]
    model.go.set()
    for ticket in (first, *tickets):
        assert len(ticket.answered.result(WAIT)) == ticket.question.size
    assert model.passes[:2] == [["first"], ["a", "b", "c"]]  # six more do not fit into a pass of eight
    assert sorted(map(len, model.passes[2:])) == [1, 6]


def test_a_full_queue_refuses_and_says_when_to_ask_again(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    occupy(engine, model, picture)
    waiting = [asked(engine, picture, str(number)) for number in range(4)]
    with pytest.raises(Refusal) as caught:
        asked(engine, picture, "one too many")
    assert caught.value.status_code == 429
    assert int((caught.value.headers or {})["Retry-After"]) >= 1
    engine.abandon(waiting[0])
    asked(engine, picture, "there is room again")


def test_who_has_left_costs_nothing(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    occupy(engine, model, picture)
    left, stays = asked(engine, picture, "left"), asked(engine, picture, "stays")
    engine.abandon(left)
    model.go.set()
    stays.answered.result(WAIT)
    assert model.passes == [["first"], ["stays"]]
    with pytest.raises(CancelledError):
        left.answered.result(0)


def test_a_failure_is_its_own_requests_alone(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    first = occupy(engine, model, picture)
    broken = asked(engine, picture, "broken")
    fine = asked(engine, picture, "fine", window=(0, 0, 30, 30))
    model.go.set()
    with pytest.raises(RuntimeError, match="broke"):
        broken.answered.result(WAIT)
    assert first.answered.result(WAIT) and fine.answered.result(WAIT)


def test_a_closed_engine_has_answered_and_takes_nothing_more(model: HeldWeights, picture: Picture) -> None:
    engine = Engine(Model(model), 4, Metrics())
    first = occupy(engine, model, picture)
    waiting = asked(engine, picture, "waits")
    model.go.set()
    engine.close()
    assert first.answered.done() and waiting.answered.result(0)
    with pytest.raises(Refusal) as caught:
        asked(engine, picture, "late")
    assert caught.value.status_code == 503


def test_a_long_run_gives_way(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    first = occupy(engine, model, picture)
    second = asked(engine, picture, "second")
    went_on = Event()
    waiting = Thread(target=lambda: (engine.give_way(Event()), went_on.set()))
    waiting.start()
    assert not went_on.wait(0.5)
    model.go.set()
    assert went_on.wait(WAIT) and first.answered.done() and second.answered.done()
    waiting.join()


def test_a_long_run_that_is_cancelled_does_not_wait(engine: Engine, model: HeldWeights, picture: Picture) -> None:
    occupy(engine, model, picture)
    cancelled = Event()
    waiting = Thread(target=engine.give_way, args=(cancelled,))
    waiting.start()
    cancelled.set()
    waiting.join(_PATIENCE / 2)
    assert not waiting.is_alive()


def test_a_long_run_goes_on_some_day(engine: Engine, model: HeldWeights, picture: Picture, monkeypatch) -> None:
    monkeypatch.setattr("rs2sam2.serving.engine._PATIENCE", 0.3)
    first = occupy(engine, model, picture)
    engine.give_way(Event())
    assert not first.answered.done()
