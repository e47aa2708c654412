"""A worker that does not answer, stopped as by a debugger while it has a connect under way: what a switch says then."""

import signal

import pytest

from harness import LEAVES_THREADS, connect, wait_for, web
from stopped_thread import StoppedThread


@pytest.fixture
def connecting(daemon, origins, black_hole):
    """A daemon with one worker, and a client whose connect to blue is under way and stays so."""
    server = daemon(web(extra="workers: 1\ntimeouts: {connect: 1h}\n", health="{type: off}", blue=[black_hole],
                        green=origins("green")),
                    env=LEAVES_THREADS)
    with connect(server.port) as client:
        client.sendall(b"?\n")
        wait_for(lambda: server.pool("blue")["connecting"] == 1, "the connect to be under way")
        yield server, client


def test_a_switch_that_a_worker_does_not_follow_ends_with_4_stands_and_is_followed_later(connecting):
    server, client = connecting
    with StoppedThread(server.process.pid, "shunt-worker0"):
        done = server.run("switch", "green")
        assert done.returncode == 4, done
        assert "green is live; worker 0 has not followed yet" in done.stdout
        assert "NOT YET FOLLOWED" in done.stdout
        assert server.app()["active"] == "green" and not server.app()["adopted"]
        event, = server.events("adoption")
        assert event["level"] == "error" and "worker 0 does not answer" in event["message"]
        waiting = server.run("wait", "adopted", "--timeout", "100ms")
        assert waiting.returncode == 4, waiting
    assert server.run("wait", "adopted", "--timeout", "30s").returncode == 0
    assert server.app()["adopted"]
    assert client.recv(16) == b"green\n"  # taken back from blue and connected anew


def test_a_decision_in_progress_is_restored_after_sigkill_and_marked(connecting):
    server, _ = connecting
    with StoppedThread(server.process.pid, "shunt-worker0"):
        waiting = server.popen("switch", "green")
        wait_for(lambda: server.app()["epoch"] == 2, "the switch to be in force")
        server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert waiting.wait(30) == 7  # sent, and the outcome is unknown to the client
    waiting.communicate()
    server.start()
    app = server.app()
    assert (app["active"], app["epoch"]) == ("green", 2)
    assert app["recovered_unacknowledged"]
    assert any("recovered, unacknowledged" in event["message"] for event in server.events())
    assert "recovered, unacknowledged" in server.run("status", check=True).stdout
    # It stays marked until somebody decides again.
    server.kill()
    server.start()
    assert server.app()["recovered_unacknowledged"]
    server.switch("blue", force=True)
    assert not server.app()["recovered_unacknowledged"]
    assert server.stop() == 0
    server.start()
    assert server.app()["active"] == "blue"
    assert not server.app()["recovered_unacknowledged"]


def test_a_stop_that_a_worker_does_not_take_part_in_ends_at_the_third_signal_and_says_so(connecting):
    server, _ = connecting
    server.switch("green")
    with StoppedThread(server.process.pid, "shunt-worker0"):
        for words in ("accepting has stopped", "closing what is left"):
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda words=words: words in server.log, words)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "a worker does not end; the process ends without it" in server.log, "the end")
    assert server.process.wait(30) == 1
    server.start()
    assert server.app()["active"] == "green"
