"""The command line against the real daemon: what it does, says and ends with."""

import json
import re
import signal
import subprocess
import threading

from harness import SHUNT, ask_colour, connect, wait_for, web


def start_two_pools(daemon, origins, **options):
    server = daemon(web(blue=origins("blue", 2), green=origins("green", 2), **options))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    return server


def held(server):
    """A client connection that is established through to a node."""
    client = connect(server.port)
    client.sendall(b"?\n")
    assert client.recv(16)
    return client


def test_switch_prints_a_receipt_and_moves_traffic(daemon, origins):
    server = start_two_pools(daemon, origins)
    done = server.run("switch", "green", "--reason", "release 1.3.0")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"web: green is live, epoch 2, 0 connections left on blue\n"
                        r"  total \S+: (?:waiting \S+, )?gates \S+, persist \S+, store \S+, adoption \S+; durable\n",
                        done.stdout), done.stdout
    assert ask_colour(server.port) == "green"
    assert [event["reason"] for event in server.events("switch")] == ["release 1.3.0"]


def test_what_already_is_ends_with_0_and_says_that_nothing_changed(daemon, origins):
    server = start_two_pools(daemon, origins)
    for line in (["switch", "blue"], ["ready", server.pool("blue")["node_list"][0]["name"]]):
        done = server.run(*line)
        assert done.returncode == 0, done.stderr
        assert "(changed: false)" in done.stdout


def test_rollback_goes_back_once(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.run("switch", "green", check=True)
    assert "blue is live again" in server.run("rollback", check=True).stdout
    again = server.run("rollback", check=True)
    assert "(changed: false)" in again.stdout
    assert ask_colour(server.port) == "blue"


def test_status_reads_at_a_glance(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.run("switch", "green", check=True)
    lines = server.run("status", check=True).stdout.splitlines()
    assert re.fullmatch(r"web  LIVE green#2   epoch 2, switched \S+ ago", lines[0])
    assert re.fullmatch(r"  green#2  active  2/2 up  0 connections", lines[1])
    assert re.fullmatch(r"  blue#1   kept    2/2 up  0 connections   rollback: yes", lines[2])
    assert lines[3].startswith("  drift: initial is blue, active is green")
    assert re.fullmatch(r"shunt \S+  pid \d+, \d+ workers?, 0 of \d+ connections, up \S+", lines[4])
    assert len(lines) == 5
    assert "\x1b" not in server.run("status").stdout
    assert json.loads(server.run("status", "--json", check=True).stdout)["apps"][0]["active"] == "green"
    assert json.loads(server.run("status", "--app", "web", "--json").stdout)["epoch"] == 2


def test_a_refusal_lists_every_reason_and_its_next_command_works(daemon, origins):
    blue = origins("blue", 1)
    server = daemon(web(blue=blue, green=["127.0.0.1:1"]))
    server.wait_healthy("blue")
    done = server.run("switch", "green")
    assert done.returncode == 3 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "refused, nothing changed (blue live, epoch 1):"
    assert lines[1].startswith("  min_healthy   ")
    following = next(line for line in lines if line.startswith("next: "))
    command = following.removeprefix("next: ").split(" | ")[-1]
    assert command.startswith("shunt switch green --skip min_healthy")
    skipped = server.run(*command.replace("…", "because").split()[1:])
    assert skipped.returncode == 0, skipped.stderr
    assert "waived: min_healthy" in skipped.stdout
    assert server.app()["active"] == "green"


def test_a_dry_run_changes_nothing(daemon, origins):
    server = start_two_pools(daemon, origins)
    done = server.run("switch", "green", "--dry-run", check=True)
    assert "dry run, nothing changed: would make green live" in done.stdout
    assert server.app()["active"] == "blue"


def test_reasons_and_keys_are_as_long_as_the_documents_say(daemon, origins):
    server = start_two_pools(daemon, origins)
    assert server.run("switch", "green", "--reason", "r" * 1024, "--key", "k" * 128).returncode == 0
    for flag, text in (("--reason", "r" * 1025), ("--key", "k" * 129)):
        done = server.run("switch", "blue", flag, text)
        assert done.returncode == 2 and str(len(text) - 1) in done.stderr, done.stderr


def test_a_dry_run_of_any_verb_changes_nothing_and_tells_nobody(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.run("switch", "green", check=True)
    with held(server) as client:
        node = server.pool("green")["node_list"][0]["name"]
        wait_for(lambda: server.events("drained"), "blue to be empty")
        app, events, metrics = server.app(), len(server.events()), server.metrics()
        for line in (["rollback", "--close-over", "0s"], ["rollback", "--to", "blue"],
                     ["drain", node, "--deadline", "0s"], ["maint", node], ["close", "--pool", "green"]):
            done = server.run(*line, "--dry-run", check=True)
            assert done.stdout.splitlines()[0].startswith("web: dry run, nothing changed: would "), done.stdout
        refused = server.run("rollback", "--to", "green", "--if-epoch", "7", "--dry-run")
        assert refused.returncode == 5
        after = server.app()
        for key in ("active", "epoch", "last", "last_receipt"):
            assert after[key] == app[key]
        assert server.node(node)["admin"] == "ready"
        assert len(server.events()) == events
        for series, value in server.metrics().items():
            assert value == metrics[series] or not series.startswith("shunt_switches_total"), series
        client.sendall(b"?\n")
        assert client.recv(16) == b"green\n"


def test_an_epoch_that_moved_ends_with_5(daemon, origins):
    server = start_two_pools(daemon, origins)
    assert server.run("switch", "green", "--if-epoch", "1").returncode == 0
    moved = server.run("rollback", "--if-epoch", "1")
    assert moved.returncode == 5
    assert moved.stderr.startswith("the epoch moved, nothing changed (green live, epoch 2)")


def test_a_repeat_with_the_same_key_returns_the_first_outcome(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.run("switch", "green", "--key", "k1", check=True)
    server.run("rollback", check=True)
    again = server.run("switch", "green", "--key", "k1", check=True)
    assert "the first outcome of this key" in again.stdout
    assert server.app()["active"] == "blue"


def test_a_key_survives_a_crash_between_command_and_answer(daemon, origins):
    """Exit code 7's advice holds: after a kill the repeat with the same key does it at most once."""
    server = start_two_pools(daemon, origins)
    server.run("switch", "green", "--key", "k1", check=True)
    server.kill()
    assert server.run("switch", "green", "--key", "k1").returncode == 6
    server.start()
    again = json.loads(server.run("switch", "green", "--key", "k1", "--json", check=True).stdout)
    assert again["replayed"] and again["epoch"] == 2


def test_without_a_daemon_nothing_was_sent(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.stop()
    done = server.run("switch", "green")
    assert done.returncode == 6
    assert "nothing was sent, nothing changed" in done.stderr


def test_waiting_ends_when_the_old_pool_is_drained(daemon, origins):
    server = start_two_pools(daemon, origins)
    client = held(server)
    waiting = server.popen("switch", "green", "--wait", "drained", "--timeout", "30s")
    wait_for(lambda: server.pool("blue")["drain"]["remaining"] == 1, "blue to drain")
    assert waiting.poll() is None
    client.close()
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, err
    assert "1 connection left on blue" in out and "blue: drained (waited " in out


def test_waiting_times_out_is_interrupted_or_undone_and_the_change_stands(daemon, origins):
    server = start_two_pools(daemon, origins)
    with held(server):
        late = server.run("switch", "green", "--wait", "drained", "--timeout", "300ms")
        assert late.returncode == 4 and "the change stands" in late.stderr
        assert server.app()["active"] == "green"

        waiting = server.popen("wait", "drained", "blue")
        wait_for(lambda: waiting.poll() is not None or interruptible(waiting.pid), "it to wait")
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(30) == 130
        waiting.communicate()

        undone = server.popen("switch", "green", "--wait", "drained")
        assert undone.stdout.readline().startswith("web: green is live already")
        server.run("rollback", check=True)
        _, err = undone.communicate(timeout=30)
        assert undone.returncode == 8, err
        assert err.startswith("undone while waiting: blue is live now")


def interruptible(pid):
    """Whether it handles SIGINT by now (SigCgt of proc(5), bit of the signal's number less one)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        caught = next(line for line in file if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1


def test_a_node_is_drained_seen_in_status_and_made_ready(daemon, origins):
    server = start_two_pools(daemon, origins)
    node = server.pool("blue")["node_list"][0]["name"]
    server.run("drain", node, "--wait", "empty", "--timeout", "30s", check=True)
    status = server.run("status", check=True).stdout
    assert re.search(rf"^    {re.escape(node)}  .*drain", status, re.MULTILINE), status
    server.run("ready", node, "--wait", "healthy", "--timeout", "30s", check=True)
    assert node not in server.run("status", check=True).stdout
    server.run("maint", node, check=True)
    assert server.node(node)["admin"] == "maint"


def test_connections_are_listed_and_closed(daemon, origins):
    server = start_two_pools(daemon, origins)
    with held(server), held(server):
        listed = server.run("connections", "--pool", "blue", check=True).stdout.splitlines()
        assert listed[0].split()[:4] == ["ID", "CLIENT", "SERVICE", "POOL"]
        assert listed[-1] == "2 connections"
        one = listed[1].split()[0]
        assert "closing 1 connection" in server.run("close", "--connection", one, check=True).stdout
        wait_for(lambda: server.pool("blue")["established"] == 1, "one to be closed")
        done = server.run("close", "--pool", "blue", "--wait", "empty", "--timeout", "30s")
        assert done.returncode == 0, done.stderr
        assert server.run("connections").stdout == "0 connections\n"


def test_diff_tells_by_its_exit_code(daemon, origins):
    server = start_two_pools(daemon, origins)
    same = server.run("diff")
    assert (same.returncode, same.stdout) == (0, "web: no drift\n")
    server.run("switch", "green", check=True)
    differs = server.run("diff")
    assert differs.returncode == 1 and differs.stdout.startswith("web: initial is blue, active is green")


def test_events_are_followed_across_a_restart(daemon, origins):
    server = start_two_pools(daemon, origins)
    following = server.popen("events", "--follow", "--since", "0", "--json")
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(json.loads(line) for line in following.stdout))
    reader.start()
    try:
        server.run("switch", "green", "--reason", "first", check=True)
        wait_for(lambda: any(event["reason"] == "first" for event in seen), "the first switch")
        server.stop()
        server.start()
        server.run("rollback", "--reason", "second", check=True)
        wait_for(lambda: any(event["reason"] == "second" for event in seen), "the rollback")
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
        reader.join()
        following.stdout.close()
        following.stderr.close()


def test_an_unknown_name_is_told_with_those_there_are(daemon, origins):
    server = start_two_pools(daemon, origins)
    done = server.run("switch", "greeen")
    assert done.returncode == 1
    assert "not found" in done.stderr and "green" in done.stderr
    assert server.run("status", "greeen").returncode == 1
    assert server.run("connections", "--pool", "nope").returncode == 1
    assert server.run("switch", "green", "--skip", "nope").returncode == 2


def test_with_several_apps_one_must_be_named(daemon, origins):
    blue, green = origins("blue"), origins("green")
    second = web(blue=blue, green=green).replace("web:", "shop:").replace("{listen}", "{listen2}")
    server = daemon(web(blue=blue, green=green) + second.removeprefix("apps:\n"))
    for line in (["switch", "green"], ["rollback"], ["wait", "adopted"]):
        done = server.run(*line)
        assert done.returncode == 2, done
        assert "name one with --app: " in done.stderr and "shop" in done.stderr and "web" in done.stderr
    wait_for(lambda: server.run("switch", "green", "--app", "shop").returncode == 0, "green of shop")
    assert server.app("web")["active"] == "blue" and server.app("shop")["active"] == "green"
    assert server.run("status").stdout.count("LIVE") == 2
    assert server.run("status", "--app", "shop").stdout.count("LIVE") == 1
    differs = server.run("diff")
    assert differs.returncode == 1
    assert "web: no drift\n" in differs.stdout and "shop: initial is blue, active is green" in differs.stdout
    client = connect(server.port)
    client.sendall(b"?\n")
    assert client.recv(16)
    listed = server.run("connections", check=True).stdout.splitlines()
    assert listed[0].startswith("APP") and listed[1].startswith("web") and listed[-1] == "1 connection"
    client.close()


def test_a_full_or_closed_standard_output_is_told(daemon, origins):
    server = start_two_pools(daemon, origins)
    for redirected in (">/dev/full", ">&-"):
        done = subprocess.run(["sh", "-c", f'"$0" status --socket "$1" {redirected}', SHUNT, server.socket],
                              stderr=subprocess.PIPE, text=True, timeout=30)
        assert done.returncode == 1, redirected
        assert done.stderr.startswith("cannot write to standard output"), done.stderr
