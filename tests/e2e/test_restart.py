"""What was decided outlives the process: SIGKILL in a stream of switches, three pools, not durable, admin states."""

import contextlib
import http.client
import resource
import signal
import socket
import threading

import pytest

from harness import LEAVES_THREADS, ask_colour, held_by, wait_for, web
from stopped_thread import StoppedThread


def start(daemon, origins, *colours, count=1, env=None, **options):
    server = daemon(web(**options, **{colour: origins(colour, count) for colour in colours}), env=env)
    for colour in colours:
        server.wait_healthy(colour)
    return server


def restart(server, how):
    """Ends it and starts it again. Pools that are not live take nothing until checks have found them well anew."""
    if how == "kill":
        server.kill()
    else:
        assert server.stop() == 0
    server.start()
    for pool in server.app()["pools"]:
        if pool["ready"] == pool["nodes"]:
            server.wait_healthy(pool["name"])


@contextlib.contextmanager
def stream_of_switches(server):
    """Switches to and fro, one after the other, until the daemon is gone: (epoch, pool) of each acknowledged one."""
    acknowledged = []

    def run():
        pool = server.app()["active"]
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                pool = {"blue": "green", "green": "blue"}[pool]
                outcome = server.switch(pool)
                acknowledged.append((outcome["epoch"], outcome["active"]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield acknowledged
    finally:
        thread.join()


def test_after_sigkill_in_a_stream_of_switches_the_last_acknowledged_one_holds(daemon, origins):
    server = start(daemon, origins, "blue", "green", health="{type: off}")
    for turn in range(20):
        with stream_of_switches(server) as acknowledged:
            wait_for(lambda: len(acknowledged) >= 3 + turn, "some switches")
            server.kill()
        server.start()
        app = server.app()
        epoch, pool = acknowledged[-1]
        other = {"blue": "green", "green": "blue"}[pool]
        assert (app["epoch"], app["active"]) in ((epoch, pool), (epoch + 1, other)), acknowledged
        assert app["epoch"] % 2 == (app["active"] == "blue"), "every decision is of one piece"
        assert ask_colour(server.port) == app["active"]
        assert app["last_receipt"]["to"] == app["active"]
        assert server.pool({"blue": "green", "green": "blue"}[app["active"]])["state"] == "kept"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_rollbacks_through_three_pools_lead_the_same_way_after_a_restart(daemon, origins, how):
    server = start(daemon, origins, "blue", "green", "red")
    server.switch("green")
    server.switch("red")
    restart(server, how)
    states = {pool["name"]: pool["state"] for pool in server.app()["pools"]}
    assert states == {"blue": "kept", "green": "kept", "red": "active"}
    assert server.app()["rollback_to"] == "green"
    assert "green is live again" in server.run("rollback", check=True).stdout
    assert ask_colour(server.port) == "green"
    for _ in range(2):
        again = server.run("rollback", check=True)
        assert "(changed: false)" in again.stdout
        assert (server.app()["active"], server.app()["epoch"]) == ("green", 4)
        restart(server, how)
    assert "blue is live again" in server.run("rollback", "--to", "blue", check=True).stdout
    assert "(changed: false)" in server.run("rollback", check=True).stdout
    assert ask_colour(server.port) == "blue"
    refused = server.run("rollback", "--to", "red")  # it was left by a rollback: standby
    assert refused.returncode == 3 and "red" in refused.stderr


def test_a_rollback_to_an_older_kept_pool_keeps_the_one_between(daemon, origins):
    server = start(daemon, origins, "blue", "green", "red")
    server.switch("green")
    server.switch("red")
    restart(server, "kill")
    server.run("rollback", "--to", "blue", check=True)
    restart(server, "kill")
    states = {pool["name"]: pool["state"] for pool in server.app()["pools"]}
    assert states == {"blue": "active", "green": "kept", "red": "standby"}
    assert "(changed: false)" in server.run("rollback", check=True).stdout
    assert ask_colour(server.port) == "blue"


def test_a_switch_that_need_not_be_durable_is_answered_and_holds_after_a_clean_stop(daemon, origins):
    server = start(daemon, origins, "blue", "green")
    outcome = server.switch("green", not_durable=True)
    assert outcome["changed"] and outcome["active"] == "green"
    restart(server, "stop")
    assert (server.app()["active"], server.app()["epoch"]) == ("green", 2)
    assert not server.app()["recovered_unacknowledged"]


def test_a_disk_that_takes_nothing_refuses_a_switch_and_lets_one_through_that_need_not_be_durable(daemon, origins):
    server = start(daemon, origins, "blue", "green")

    def let_files_grow_to(size):
        hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    def durable():
        return server.metrics()["shunt_state_durable"] == 1

    wait_for(durable, "the state to be on the disk")
    let_files_grow_to(0)
    status, problem = server.post("/v1/apps/-/switch", {"to": "green"})
    assert status == 503 and "persist" in problem["reasons"][0]["gate"], problem
    assert (server.app()["active"], server.app()["epoch"]) == ("blue", 1)
    assert ask_colour(server.port) == "blue"
    receipt = server.switch("green", not_durable=True)["receipt"]
    assert receipt["durable"] is False
    assert ask_colour(server.port) == "green"
    assert not durable()
    # What the disk has is the decision before.
    let_files_grow_to(resource.RLIM_INFINITY)
    wait_for(durable, "the decision to reach the disk")
    restart(server, "kill")
    assert (server.app()["active"], server.app()["epoch"]) == ("green", 2)


def test_a_stop_that_cannot_write_a_decision_says_what_the_next_start_brings_up(daemon, origins):
    server = start(daemon, origins, "blue", "green")
    server.switch("green")
    wait_for(lambda: server.metrics()["shunt_state_durable"] == 1, "the switch to be on the disk")
    # The slots of decisions lie beyond it, the log does not.
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
    server.run("rollback", "--not-durable", check=True)
    server.expect_exit = 1
    assert server.stop() == 1, server.log
    said = [line for line in server.log.splitlines() if "decision_lost" in line]
    assert len(said) == 1 and " error " in said[0] and "app=web" in said[0], server.log
    assert "blue is live, epoch 3, and that is not on disk (" in said[0], said
    assert "the next start brings up the decision before: green is live, epoch 2" in said[0], said
    server.expect_exit = 0
    server.start()
    assert (server.app()["active"], server.app()["epoch"]) == ("green", 2)


def test_a_stop_does_not_wait_for_ever_for_a_disk_that_hangs(daemon, origins):
    server = start(daemon, origins, "blue", "green", env=LEAVES_THREADS)
    wait_for(lambda: server.metrics()["shunt_state_durable"] == 1, "the start to be on the disk")
    ended = "the disk does not answer; the process ends without it"
    with StoppedThread(server.process.pid, "shunt-persist"):
        server.switch("green", not_durable=True)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: ended in server.log, "the end without the disk")
    assert server.process.wait(30) == 1, server.log
    said = [line for line in server.log.splitlines() if "decision_lost" in line]
    assert len(said) == 1 and "green is live, epoch 2, and that is not on disk" in said[0], server.log
    assert "the next start may bring up the decision before: blue is live, epoch 1" in said[0], said


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_drained_and_maintained_nodes_stay_out_over_a_restart(daemon, origins, how):
    server = start(daemon, origins, "blue", "green", count=3)
    drained, maintained, left = (node["name"] for node in server.pool("blue")["node_list"])
    server.run("drain", drained, "--deadline", "1h", check=True)
    server.run("maint", maintained, check=True)
    restart(server, how)
    assert [server.node(name)["admin"] for name in (drained, maintained, left)] == ["drain", "maint", "ready"]
    with held_by(server.port, 12):
        counts = {name: server.node(name)["established"] for name in (drained, maintained, left)}
    assert counts == {drained: 0, maintained: 0, left: 12}
    server.run("ready", drained, maintained, "--wait", "healthy", "--timeout", "30s", check=True)
    restart(server, how)
    wait_for(lambda: server.pool("blue")["usable"] == 3, "all three to be usable")
    with held_by(server.port, 12):
        assert all(server.node(name)["established"] > 0 for name in (drained, maintained, left))


def test_a_reset_says_what_was_put_aside_though_the_start_fails_after_it(daemon, origins):
    server = start(daemon, origins, "blue", "green")
    server.switch("green")
    assert server.stop() == 0
    server.args.append("--reset-state")
    server.wait_ready = False
    with socket.create_server(("127.0.0.1", server.port), reuse_port=False):
        server.start()
        assert server.process.wait(30) == 1, server.log
    said = [line for line in server.log.splitlines() if "begun anew by --reset-state" in line]
    assert len(said) == 1 and "web (green live, epoch 2)" in said[0], server.log
    kept = list((server.directory / "state").glob("decisions.set-aside-*"))
    assert len(kept) == 1 and str(kept[0]) in said[0], said
    server.args.remove("--reset-state")
    server.wait_ready = True
    server.start()
    assert server.app()["active"] == "blue"
    assert server.log.count("begun anew") == 1 and "has been used before" not in server.log, server.log
