"""What the sliders and buttons of notebook 4's training do: the run of the notebook, its end by hand, and Stop."""

import asyncio
import itertools
import sys
import threading

import numpy as np
import pytest
from boards import few_examples, fit, quick_png, sample, words
from jupyter_client.manager import start_new_kernel

from cnnlab.course.widgets import _binary_training, _digits, _raster
from cnnlab.course.widgets._binary_training import PICTURE_EVERY, WORDS_EVERY, TrainingBoard, binary_run
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent

LONG = 10_000  # steps: a run that is still going when it is stopped


def trained(learning_rate, digits, steps):
    """Train as the notebook does."""
    train, _ = sample()
    rng = np.random.default_rng(0)
    network = BinaryCNN.initialize(rng, loss="cross_entropy", dtype=np.float32)
    images = (train.images[:digits] / 255).astype(np.float32)
    how = {"learning_rate": learning_rate, "steps": steps, "batch_size": 64, "rng": rng}
    history = gradient_descent(network, images, train.labels[:digits] > 4, **how)
    return network, history.loss


def assert_same_parameters(network, other):
    for name, value in network.parameters.items():
        np.testing.assert_array_equal(value, other.parameters[name])


class Clock:
    """A second on it passes for every so many looks at it; at the look `hold_at` the training waits to be let go."""

    def __init__(self, looks_a_second=1000, hold_at=0):
        self.looks, self.looks_a_second, self.hold_at = 0, looks_a_second, hold_at
        self.held, self.go = threading.Event(), threading.Event()

    def __call__(self):
        self.looks += 1
        if self.looks == self.hold_at:
            self.held.set()
            assert self.go.wait(60)
        return self.looks / self.looks_a_second


@pytest.fixture(scope="module")
def few():
    return few_examples()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def few_digits(few, monkeypatch):
    monkeypatch.setattr(_digits, "load_examples", lambda: few)


@pytest.fixture
def board(clock, few_digits, monkeypatch):
    monkeypatch.setattr(_raster.Raster, "png", quick_png())
    board = TrainingBoard(0.2, 200, 200, clock=clock)
    yield board
    clock.go.set()
    board.close()
    if board.thread is not None and board.thread.ident:  # it was started
        board.thread.join(60)
        assert not board.thread.is_alive()


@pytest.fixture
def running(board, clock):
    """A board that has said something of its run, and is held within it."""
    clock.hold_at = 40
    board.controls["steps"].value = LONG
    board.train.click()
    assert clock.held.wait(60)
    return board


def finish(board, clock, *, stop=False):
    if stop:
        board.stop.click()
    clock.go.set()
    board.thread.join(60)


def test_a_run_is_the_one_of_the_notebook():
    network, losses = trained(0.2, 500, 60)
    run = binary_run(0.2, 500, 60)
    np.testing.assert_array_equal(run.losses, losses)
    assert_same_parameters(run.network, network)


def test_the_last_accuracies_are_those_of_the_trained_network():
    network, _ = trained(0.2, 300, 90)
    run = binary_run(0.2, 300, 90)
    for digits, count, measured in zip(sample(), (300, 1000), (run.training, run.held_out), strict=True):
        answers = network.forward((digits.images[:count] / 255).astype(np.float32)).prediction > 0.5
        assert measured[-1] == pytest.approx(np.mean(answers == (digits.labels[:count] > 4)), abs=0.0015)
    assert run.measured_at[[0, 1, -1]].tolist() == [0, 4, 90]


def test_a_stopped_run_has_made_every_step_before_and_no_part_of_the_one_it_stopped_at():
    network, losses = trained(0.2, 200, 7)
    run = binary_run(0.2, 200, 100, watch=lambda step, so_far: step == 7)
    np.testing.assert_array_equal(run.losses[:7], losses)
    assert len(run.losses) == 8
    assert_same_parameters(run.network, network)
    assert run.state == "stopped"
    assert run.words.startswith("stopped at step 7 of 100 (rate 0.2, 200 digits): loss ")


@pytest.mark.usefixtures("few_digits")
def test_the_run_so_far_is_told_in_words_that_fit_on_a_line():
    told = []
    binary_run(0.00126, 4000, LONG, watch=lambda step, so_far: step == 12 and told.append(so_far()) is None)
    assert told[0].state == "running"
    assert told[0].words.startswith("step 12 of 10,000: loss 0.71, at step 0: training ")
    assert len(told[0].losses) == 13
    run = binary_run(0.00126, 4000, LONG, watch=lambda step, so_far: True)
    assert fit(run.words.replace("step 0 ", "step 9,999 ").replace("loss 0.", "loss 0.00"))


@pytest.mark.thorough
def test_the_ends_of_the_sliders_end_in_words_and_with_the_accuracies_of_such_rates():
    for learning_rate, digits in ((0.001, 100), (0.001, 4000), (0.2, 4000), (10, 100), (10, 4000)):
        run = binary_run(learning_rate, digits, 200)
        assert run.state == "finished"
        assert run.words.startswith(f"learning rate {learning_rate}, {digits:,} digits, 200 steps: loss ")
        if digits == 4000:  # too slow, usual, and too fast: half of the answers
            low, high = {0.001: (0, 0.65), 0.2: (0.65, 1), 10: (0.47, 0.53)}[learning_rate]
            assert low <= run.held_out[-1] <= high


@pytest.mark.usefixtures("few_digits")
def test_a_loss_that_is_no_number_is_told_as_divergence():
    run = binary_run(1e38, 100, 50)
    assert run.state == "diverged"
    assert f"diverged at step {run.step}" in run.words
    assert np.isfinite(run.losses).all()


def test_before_the_first_run_a_slider_says_what_that_will_be_and_trains_nothing(board):
    assert (board.thread, board.run) == (None, None)
    assert (board.train.disabled, board.stop.disabled, board.progress.value) == (False, True, 0)
    assert words(board) == [
        "not trained yet: the filters are as they were drawn at random",
        "Train starts a run with learning rate 0.2, 200 digits, 200 steps",
    ]
    picture = board.image.value
    board.controls["digits"].value = 4000
    assert words(board)[1] == "Train starts a run with learning rate 0.2, 4,000 digits, 200 steps"
    assert board.image.value == picture
    assert board.thread is None


def test_train_runs_to_the_end_with_the_rate_that_is_shown_and_says_how_it_went(board):
    picture = board.image.value
    board.controls["learning_rate"].value = 10**-0.7  # 0.19953, between two marks
    board.train.click()
    board.thread.join(60)
    run = binary_run(0.2, 200, 200)
    np.testing.assert_array_equal(board.run.losses, run.losses)
    assert words(board) == [run.words, "Train starts anew with learning rate 0.2, 200 digits, 200 steps"]
    assert (board.train.disabled, board.stop.disabled) == (False, True)
    assert (board.progress.value, board.progress.max) == (200, 200)
    assert board.error is None
    assert board.image.value != picture


def test_while_it_trains_the_bar_moves_and_only_stop_can_be_pressed(running, clock):
    assert words(running)[0].startswith("step ")
    assert (running.train.disabled, running.stop.disabled, running.progress.max) == (True, False, LONG)
    seen, further, thread = running.progress.value, threading.Event(), running.thread
    running.progress.observe(lambda _: further.set(), names="value")
    running.train.click()
    assert running.thread is thread, "no second run"
    clock.go.set()
    assert further.wait(60)
    assert running.progress.value > seen


def test_stop_ends_the_run_where_it_is_and_a_slider_moved_meanwhile_sets_the_next_one(running, clock):
    running.controls["digits"].value = 1000
    assert words(running)[1] == "the next run: learning rate 0.2, 1,000 digits, 10,000 steps"
    finish(running, clock, stop=True)
    step = len(running.run.losses) - 1
    assert words(running)[0].startswith(f"stopped at step {step} of 10,000 (rate 0.2, 200 digits): ")
    assert words(running)[1] == "Train starts anew with learning rate 0.2, 1,000 digits, 10,000 steps"
    assert (running.train.disabled, running.stop.disabled) == (False, True)
    assert running.progress.value == step < 40


def test_a_second_run_starts_anew_from_the_same_network_in_the_same_figure(running, clock):
    figure, picture, threads = running.figure, running.image, threading.active_count()
    finish(running, clock, stop=True)
    first = running.run.losses
    running.controls["steps"].value = 200
    running.train.click()
    running.thread.join(60)
    np.testing.assert_array_equal(running.run.losses[: len(first)], first)
    assert running.run.state == "finished"
    assert threading.active_count() == threads - 1
    assert (running.figure, running.image, len(figure.axes)) == (figure, picture, 5)


def test_a_new_board_ends_the_run_of_the_one_before(running, clock):
    new = TrainingBoard(0.2, 200, 200)
    finish(running, clock)
    assert running.run.state == "stopped"
    new.train.click()
    new.thread.join(60)
    assert new.run.state == "finished"
    new.close()


def test_every_line_lies_within_its_frame_and_a_usual_fall_takes_much_of_it(board):
    picture = board._run_picture

    def reaches(ax):
        """How far up its frame each line of a run goes, from 0 to 1."""
        lines = [line for line in ax.lines if len(line.get_ydata()) > 2]
        assert lines
        for line in lines:
            up = ax.transAxes.inverted().transform(ax.transData.transform(line.get_xydata()))[:, 1]
            yield up.min(), up.max()

    for learning_rate in (0.2, 10):
        board.controls["learning_rate"].value = learning_rate
        board.train.click()
        board.thread.join(60)
        spans = [*reaches(picture.loss), *reaches(picture.accuracy)]
        assert all(0 < low <= high <= 1 for low, high in spans)
        assert learning_rate == 10 or spans[0][1] - spans[0][0] > 0.3


def test_the_legend_names_the_run_before_only_where_there_is_one(board):
    named = lambda: [text.get_text() for text in board._run_picture.accuracy.get_legend().get_texts()]
    assert named() == ["training", "held out"]
    for names in (2, 3):
        board.train.click()
        board.thread.join(60)
        assert len(named()) == names


def test_closing_a_board_stops_its_training(running, clock):
    running.close()
    finish(running, clock)
    assert running.error is None
    assert running.run.state == "stopped"


def test_stop_before_the_first_step_stops_there(board, few, monkeypatch):
    """The digits take their time to be read, and Stop is pressed meanwhile."""
    go = threading.Event()
    monkeypatch.setattr(_digits, "load_examples", lambda: go.wait(60) and few)
    board.train.click()
    assert words(board)[0] == "reading the digits"
    board.stop.click()
    go.set()
    board.thread.join(60)
    assert words(board)[0].startswith("stopped at step 0 of 200 ")


def test_words_and_pictures_follow_at_a_bounded_rate(board, clock):
    changes = {"words": 0, "pictures": 0}
    clock.looks_a_second = 100
    board.labels[0].observe(lambda _: changes.update(words=changes["words"] + 1), names="value")
    board.image.observe(lambda _: changes.update(pictures=changes["pictures"] + 1), names="value")
    board.train.click()
    board.thread.join(60)
    seconds = clock.looks / 100
    # The start and the end are told too.
    assert seconds / PICTURE_EVERY / 2 <= changes["pictures"] <= seconds / PICTURE_EVERY + 3
    assert seconds / WORDS_EVERY / 2 <= changes["words"] <= seconds / WORDS_EVERY + 3


NO_THREAD = RuntimeError("can't start new thread")
FAILURES = {
    "run_in_pieces": (_binary_training, MemoryError("no room for\nthe digits")),
    "load_examples": (_digits, ValueError("x" * 500)),
    "show": (_binary_training._RunPicture, ZeroDivisionError("while drawing")),
    "start": (threading.Thread, NO_THREAD),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_in_the_thread_is_shown_and_the_next_run_works(board, monkeypatch, name):
    where, error = FAILURES[name]

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(where, name, fail)
        board.train.click()
        if name != "start":
            board.thread.join(60)
    said = f"an error ended the run, {type(error).__name__}: {str(error).replace(chr(10), ' ')}"[:110]
    assert words(board)[0] == said
    assert board.error is error
    assert (board.train.disabled, board.stop.disabled) == (False, True)
    board.controls["digits"].value = 300
    assert words(board)[0] == said, "it stays"
    board.train.click()
    board.stop.click()
    board.thread.join(60)
    assert board.run.state == "stopped"
    assert board.error is None


def test_without_threads_it_trains_between_other_messages_and_stop_is_heard(board, monkeypatch):
    """As in a browser: the loop turns, and between two turns it presses a button."""
    monkeypatch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(NO_THREAD))

    async def turn(until):
        for _ in range(1000):
            await asyncio.sleep(0)
            if until():
                return
        raise AssertionError(words(board))

    async def press():
        board.train.click()
        await turn(lambda: not board.train.disabled)
        np.testing.assert_array_equal(board.run.losses, binary_run(0.2, 200, 200).losses)
        board.controls["steps"].value = LONG
        board.train.click()
        await turn(lambda: board.progress.value > 0)
        assert (board.train.disabled, board.stop.disabled) == (True, False)
        board.stop.click()
        await turn(lambda: not board.train.disabled)
        assert 0 < board.run.step < LONG
        assert board.run.state == "stopped"

    asyncio.run(press())


@pytest.mark.thorough
def test_stop_is_heard_by_a_kernel_while_it_trains():
    """The messages that a browser sends, to a kernel of its own."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        create = f"""
        import sys; sys.path[:0] = {sys.path!r}
        from cnnlab.course import widgets
        board = widgets.binary_training(steps={LONG})
        print(*(w.comm.comm_id for w in (board.train, board.stop, board.progress, board.labels[0], board.image)))
        """
        printed = []
        client.execute_interactive(
            "\n".join(line.strip() for line in create.splitlines()),
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        train, stop, progress, label, image = "".join(printed).split()

        def click(button):
            data = {"method": "custom", "content": {"event": "click"}}
            client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": button, "data": data}))

        def updates():
            while True:
                message = client.get_iopub_msg(timeout=60)
                assert message["msg_type"] not in ("error", "stream"), message["content"]
                if message["msg_type"] == "comm_msg":
                    yield message["content"]["comm_id"], message["content"]["data"].get("state", {})

        coming = updates()
        click(train)
        seen = list(itertools.islice((s["value"] for i, s in coming if i == progress and "value" in s), 4))
        assert seen == sorted(set(seen))
        assert any(i == image for i, s in coming if i == image)
        click(stop)
        said = (s["value"] for i, s in coming if i == label and "value" in s)
        assert next(text for text in said if not text.startswith("step ")).startswith("stopped at step ")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
