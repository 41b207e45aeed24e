"""What the sliders and buttons of notebook 4 do: the run of the notebook, its end by hand, and one digit's way."""

import itertools
import sys
import threading
import time

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from scipy.signal import correlate2d
from scipy.special import expit

from cnnlab import datasets
from cnnlab.course import widgets
from cnnlab.course.widgets import mnist_binary
from cnnlab.course.widgets.mnist_binary import binary_run, stages_of_digit
from cnnlab.networks import BinaryCNN
from cnnlab.training import gradient_descent

LONG = 10_000  # steps: a run that is still going when it is stopped


def trained(learning_rate, digits, steps):
    """Train as the notebook does."""
    train, _ = datasets.mnist_sample()
    rng = np.random.default_rng(0)
    network = BinaryCNN.initialize(rng, loss="cross_entropy", dtype=np.float32)
    images = (train.images[:digits] / 255).astype(np.float32)
    history = gradient_descent(
        network, images, train.labels[:digits] > 4, learning_rate=learning_rate, steps=steps, batch_size=64, rng=rng
    )
    return network, history.loss


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def words(board):
    return [label.value for label in board.labels]


@pytest.fixture
def board():
    board = widgets.binary_training(learning_rate=0.2, digits=200, steps=200)
    yield board
    if board.thread is not None:
        board.stop.click()
        board.thread.join(60)
        assert not board.thread.is_alive()


@pytest.fixture
def running(board):
    board.controls["steps"].value = LONG
    board.train.click()
    wait_for(lambda: words(board)[0].startswith("step "))
    return board


def test_a_run_is_the_one_of_the_notebook():
    network, losses = trained(0.2, 500, 60)
    run = binary_run(0.2, 500, 60)
    np.testing.assert_array_equal(run.losses, losses)
    for name, value in run.network.parameters.items():
        np.testing.assert_array_equal(value, network.parameters[name])


def test_the_last_accuracies_are_those_of_the_trained_network():
    network, _ = trained(0.2, 300, 90)
    train, test = datasets.mnist_sample()
    run = binary_run(0.2, 300, 90)
    for digits, measured in ((train, run.training), (test, run.held_out)):
        images, labels = (digits.images[:300], digits.labels[:300]) if digits is train else digits
        answers = [network.forward((image[0] / 255).astype(np.float32)).prediction[0] > 0.5 for image in images]
        assert measured[-1] == pytest.approx(np.mean(np.array(answers) == (labels > 4)), abs=0.0015)
    assert run.measured_at[[0, 1, -1]].tolist() == [0, 4, 90]


def test_a_stopped_run_has_made_every_step_before_and_no_part_of_the_one_it_stopped_at():
    network, losses = trained(0.2, 200, 7)
    run = binary_run(0.2, 200, 100, watch=lambda step, so_far: step == 7)
    np.testing.assert_array_equal(run.losses[:7], losses)
    assert len(run.losses) == 8
    for name, value in run.network.parameters.items():
        np.testing.assert_array_equal(value, network.parameters[name])
    assert run.state == "stopped"
    assert run.words.startswith("stopped at step 7 of 100 (rate 0.2, 200 digits): loss ")


@pytest.mark.thorough
def test_the_run_so_far_is_told_in_words():
    told = []
    binary_run(0.2, 200, 1500, watch=lambda step, so_far: step == 1200 and told.append(so_far()) is None)
    assert told[0].state == "running"
    assert told[0].words.startswith("step 1,200 of 1,500: loss ")
    assert len(told[0].losses) == 1201


@pytest.mark.thorough
@pytest.mark.parametrize(("learning_rate", "digits", "steps"), [(0.001, 100, 200), (10, 100, 200), (10, 4000, 200)])
def test_the_ends_of_the_sliders_end_in_words(learning_rate, digits, steps):
    run = binary_run(learning_rate, digits, steps)
    assert run.state == "finished"
    assert run.words.startswith(f"learning rate {learning_rate}, {digits:,} digits, 200 steps: loss ")


@pytest.mark.thorough
def test_too_large_a_rate_ends_at_half_of_the_answers_and_a_slow_one_has_learned_little():
    assert binary_run(10, 4000, 200).held_out[-1] == pytest.approx(0.5, abs=0.03)
    assert binary_run(0.001, 4000, 200).held_out[-1] < 0.65 < binary_run(0.2, 4000, 200).held_out[-1]


def test_a_loss_that_is_no_number_is_told_as_divergence():
    run = binary_run(1e38, 100, 50)
    assert run.state == "diverged"
    assert "diverged at step" in run.words
    assert np.isfinite(run.losses).all()


def test_the_longest_words_fit_on_a_line():
    run = binary_run(0.00126, 4000, LONG, watch=lambda step, so_far: True)
    assert len(run.words.replace("step 0 ", "step 9,999 ").replace("loss 0.77", "loss 0.0077")) <= 110


def test_at_the_start_nothing_is_trained(board):
    assert board.thread is None
    assert board.run is None
    assert (board.train.disabled, board.stop.disabled, board.progress.value) == (False, True, 0)
    assert words(board) == [
        "not trained yet: the filters are as they were drawn at random",
        "Train starts a run with learning rate 0.2, 200 digits, 200 steps",
    ]


def test_a_slider_says_what_the_next_run_will_be_and_trains_nothing(board):
    picture = board.image.value
    board.controls["digits"].value = 4000
    assert words(board)[1] == "Train starts a run with learning rate 0.2, 4,000 digits, 200 steps"
    assert board.image.value == picture
    assert board.thread is None


@pytest.mark.thorough
def test_train_runs_to_the_end_and_says_how_it_went(board):
    picture = board.image.value
    board.train.click()
    board.thread.join(60)
    run = binary_run(0.2, 200, 200)
    assert words(board)[0] == run.words
    np.testing.assert_array_equal(board.run.losses, run.losses)
    assert words(board)[1] == "Train starts anew with learning rate 0.2, 200 digits, 200 steps"
    assert (board.train.disabled, board.stop.disabled) == (False, True)
    assert (board.progress.value, board.progress.max) == (200, 200)
    assert board.error is None
    assert board.image.value != picture


@pytest.mark.thorough
def test_a_rate_between_two_marks_is_trained_with_as_it_is_shown(board):
    board.controls["learning_rate"].value = 10**-0.7  # 0.19953
    board.train.click()
    board.thread.join(60)
    np.testing.assert_array_equal(board.run.losses, binary_run(0.2, 200, 200).losses)


def test_while_it_trains_the_bar_moves_and_only_stop_can_be_pressed(running):
    assert (running.train.disabled, running.stop.disabled, running.progress.max) == (True, False, LONG)
    seen = running.progress.value
    wait_for(lambda: running.progress.value > seen)


def test_stop_ends_the_run_where_it_is(running):
    running.stop.click()
    running.thread.join(60)
    assert words(running)[0].startswith("stopped at step ")
    assert (running.train.disabled, running.stop.disabled) == (False, True)
    assert running.progress.value == len(running.run.losses) - 1 < LONG - 1


def test_train_while_it_trains_starts_no_second_run(running):
    thread = running.thread
    running.train.click()
    assert running.thread is thread


def test_a_slider_that_is_moved_while_it_trains_sets_the_next_run(running):
    running.controls["digits"].value = 1000
    assert words(running)[1] == "the next run: learning rate 0.2, 1,000 digits, 10,000 steps"
    running.stop.click()
    running.thread.join(60)
    assert "(rate 0.2, 200 digits)" in words(running)[0]
    assert words(running)[1] == "Train starts anew with learning rate 0.2, 1,000 digits, 10,000 steps"


@pytest.mark.thorough
def test_a_second_run_starts_anew_from_the_same_network(running):
    running.stop.click()
    running.thread.join(60)
    first = running.run.losses
    running.controls["steps"].value = 200
    running.train.click()
    running.thread.join(60)
    shared = min(len(first), 200)
    np.testing.assert_array_equal(running.run.losses[:shared], first[:shared])
    assert running.run.state == "finished"


def test_stop_before_the_first_step_stops_there(board, monkeypatch):
    """The digits take their time to be read, and Stop is pressed meanwhile."""
    go = threading.Event()
    read = mnist_binary.questions
    monkeypatch.setattr(mnist_binary, "questions", lambda: go.wait(60) and read())
    board.train.click()
    assert words(board)[0] == "reading the digits"
    board.stop.click()
    go.set()
    board.thread.join(60)
    assert words(board)[0].startswith("stopped at step 0 of 200 ")


@pytest.mark.thorough
def test_words_and_pictures_follow_at_a_bounded_rate(running):
    changes = {"words": 0, "picture": 0}

    def count(name):
        def add(_):
            changes[name] += 1

        return add

    running.labels[0].observe(count("words"), names="value")
    running.image.observe(count("picture"), names="value")
    start = time.monotonic()
    time.sleep(2)
    wait_for(lambda: changes["picture"])  # a busy machine takes longer
    pictures, said, seconds = changes["picture"], changes["words"], time.monotonic() - start
    assert pictures <= seconds / mnist_binary.PICTURE_EVERY + 1
    assert pictures <= said <= seconds / mnist_binary.WORDS_EVERY + 1


@pytest.mark.thorough
@pytest.mark.parametrize("place", ["binary_run", "questions"])
def test_an_error_in_the_thread_is_shown_and_the_next_run_works(board, monkeypatch, place):
    def fail(*_, **__):
        raise MemoryError("no room for\nthe digits")

    with monkeypatch.context() as patch:
        patch.setattr(mnist_binary, place, fail)
        board.train.click()
        board.thread.join(60)
    assert words(board)[0] == "an error ended the run, MemoryError: no room for the digits"
    assert isinstance(board.error, MemoryError)
    assert (board.train.disabled, board.stop.disabled) == (False, True)
    board.controls["digits"].value = 300
    assert "MemoryError" in words(board)[0], "it stays"
    board.train.click()
    board.thread.join(60)
    assert board.run.state == "finished"
    assert board.error is None


def test_an_error_while_drawing_in_the_thread_is_shown(board, monkeypatch):
    def fail(run):
        raise ValueError("x" * 500)

    monkeypatch.setattr(board._curves, "show", fail)
    board.train.click()
    board.thread.join(60)
    assert words(board)[0].startswith("an error ended the run, ValueError: xxx")
    assert len(words(board)[0]) <= 110
    assert not board.train.disabled


def test_a_machine_without_a_thread_to_spare_says_so(board, monkeypatch):
    def fail(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        board.train.click()
    assert words(board)[0] == "an error ended the run, RuntimeError: can't start new thread"
    assert not board.train.disabled
    board.thread = None


@pytest.mark.thorough
def test_many_starts_and_stops_leave_one_figure_and_no_thread(board):
    board.controls["steps"].value = LONG
    figure, picture = board.figure, board.image
    threads = threading.active_count()
    for _ in range(5):
        board.train.click()
        board.stop.click()
        board.thread.join(60)
    assert threading.active_count() == threads
    assert (board.figure, board.image, len(figure.axes)) == (figure, picture, 5)


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
            timeout=60,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        train, stop, progress, label, image = "".join(printed).split()

        def click(button):
            data = {"method": "custom", "content": {"event": "click"}}
            client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": button, "data": data}))

        def updates():
            end = time.monotonic() + 60
            while time.monotonic() < end:
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
        start = time.monotonic()
        assert any("stopped at step" in s.get("value", "") for i, s in coming if i == label)
        assert time.monotonic() - start < 5
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def network():
    return trained(0.2, 4000, 300)[0]


def test_every_stage_of_a_digit_is_what_scipy_computes(network):
    _, test = datasets.mnist_sample()
    parameters = {name: value.astype(float) for name, value in network.parameters.items()}
    image = test.images[5, 0] / 255
    kernels = zip(parameters["conv_weight"][:, 0], parameters["conv_bias"], strict=True)
    maps = np.array([correlate2d(image, kernel, mode="valid") + bias for kernel, bias in kernels])
    parts = expit(maps) * parameters["dense_weight"].reshape(3, 24, 24)
    score = parts.sum() + parameters["dense_bias"][0]

    stages = stages_of_digit(network, 5)
    np.testing.assert_allclose(stages.conv, maps, atol=1e-4)
    np.testing.assert_allclose(stages.sigmoid, expit(maps), atol=1e-4)
    np.testing.assert_allclose(stages.parts, parts, atol=1e-4)
    np.testing.assert_allclose(stages.sums, parts.sum(axis=(1, 2)), atol=1e-3)
    assert stages.score == pytest.approx(score, abs=1e-3)
    assert stages.prediction == pytest.approx(expit(score), abs=1e-3)


def test_the_words_name_digit_answer_and_whether_it_is_right(network):
    _, test = datasets.mnist_sample()
    answers = network.predict(test.images[:40].astype(np.float32) / 255)
    for number, (label, answer) in enumerate(zip(test.labels, answers, strict=False)):
        said = '"greater than four"' if answer else '"not greater than four"'
        verdict = "right" if bool(answer) == (label > 4) else "wrong"
        first, second = stages_of_digit(network, number).words.split("\n")
        assert first == f"digit {label} (held-out number {number}): answer {said}, {verdict}"
        assert second.startswith("parts ")


def test_only_the_wrong_ones_are_wrong_and_in_order(network):
    board = widgets.digit_stages(network)
    _, test = datasets.mnist_sample()
    answers = network.predict(test.images.astype(np.float32) / 255)
    wrong = np.flatnonzero(answers != (test.labels > 4))
    board.controls["answers"].value = "wrong"
    for place in (0, 1, 50):
        board.controls["digit"].value = place
        assert f"(held-out number {wrong[place]})" in words(board)[0]
        assert f"wrong; wrong answer {place + 1} of {min(len(wrong), 100)}" in words(board)[0]


def few_mistakes(monkeypatch, network, count):
    """Let the network be right about all held-out digits but the first few."""
    train, test = mnist_binary.questions()
    target = network.predict(test.images).astype(bool)
    target[:count] ^= True
    monkeypatch.setattr(mnist_binary, "questions", lambda: (train, test._replace(target=target)))


def test_beyond_the_last_wrong_answer_it_stays_there_and_says_so(network, monkeypatch):
    few_mistakes(monkeypatch, network, 3)
    board = widgets.digit_stages(network, digit=99)
    board.controls["answers"].value = "wrong"
    assert "(held-out number 2)" in words(board)[0]
    assert words(board)[0].endswith("wrong; wrong answer 3 of 3, the last")


def test_a_network_without_mistakes_has_none_to_show(network, monkeypatch):
    few_mistakes(monkeypatch, network, 0)
    board = widgets.digit_stages(network)
    board.controls["answers"].value = "wrong"
    assert words(board) == ["this network answers all held-out digits rightly: there is no wrong answer to show", ""]
    board.controls["answers"].value = "all"
    assert words(board)[0].startswith("digit ")


def test_without_a_network_it_says_how_long_its_own_was_trained_which_is_kept(monkeypatch):
    board = widgets.digit_stages()
    assert words(board)[1].endswith("(trained for 800 steps)")
    monkeypatch.setattr("cnnlab.course.widgets.mnist_binary.gradient_descent", None)
    assert words(widgets.digit_stages()) == words(board)


def test_training_on_leaves_what_is_shown_alone(network):
    other = BinaryCNN(network.parameters, loss="cross_entropy")
    board = widgets.digit_stages(other)
    before = words(board)
    other.parameters["dense_weight"][:] = 0
    board.controls["digit"].value = 1
    board.controls["digit"].value = 0
    assert words(board) == before


@pytest.mark.parametrize(("filters", "kernel_size"), [(1, 5), (2, 3), (4, 9)])
def test_other_numbers_and_sizes_of_filters_are_shown_too(filters, kernel_size):
    rng = np.random.default_rng(0)
    board = widgets.digit_stages(BinaryCNN.initialize(rng, filters=filters, kernel_size=kernel_size))
    assert words(board)[1].count("+") + words(board)[1].count("−") >= filters
    board.controls["answers"].value = "wrong"
    assert all(len(line) <= 110 for line in words(board))


def test_an_untrained_network_of_zeros_is_shown_too():
    parameters = {"conv_weight": np.zeros((3, 1, 5, 5)), "conv_bias": np.zeros(3)}
    parameters |= {"dense_weight": np.zeros((1, 1728)), "dense_bias": np.zeros(1)}
    board = widgets.digit_stages(BinaryCNN(parameters))
    assert words(board)[1] == "parts 0.00 0.00 0.00, bias 0.00: z = 0.00, ŷ = σ(z) = 0.500"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"standardized": True}, "must not be standardised"),
        ({"filters": 5}, "at most 4 filters"),
        ({"image_size": 20}, "images of 28×28"),
    ],
)
def test_a_network_that_cannot_be_shown_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        widgets.digit_stages(BinaryCNN.initialize(np.random.default_rng(0), **options))


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e308, 1e30])
@pytest.mark.parametrize("key", ["conv_weight", "conv_bias", "dense_weight", "dense_bias"])
def test_a_network_whose_training_diverged_is_refused(key, number):
    network = BinaryCNN.initialize(np.random.default_rng(0))
    network.parameters[key].flat[0] = number
    with pytest.raises(ValueError, match="network must have weights and scores up to 100,000, to be drawn; got"):
        widgets.digit_stages(network)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="network must be a BinaryCNN; got str"):
        widgets.digit_stages("network")
