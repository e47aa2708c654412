"""Generations of pools: prepare and retire, at the command line and over a crash."""

import json

from harness import ask_colour, held_by, wait_for, web


def two_pools(daemon, origins):
    server = daemon(web(blue=origins("blue"), green=origins("green")))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    return server


def test_a_generation_is_prepared_and_survives_a_crash(daemon, origins):
    server = two_pools(daemon, origins)
    done = server.run("prepare", "green", "--version", "1.3.0", "--reason", "release 1.3.0", check=True)
    assert "green#3 1.3.0 is prepared" in done.stdout
    assert "green#3 1.3.0" in server.run("status", check=True).stdout
    event, = server.events("prepare")
    assert event["reason"] == "release 1.3.0" and event["actor"].startswith("uid ")
    server.kill()
    server.start()
    assert server.pool("green")["generation"] == 3 and server.pool("green")["version"] == "1.3.0"
    again = json.loads(server.run("prepare", "green", "--version", "1.3.0", "--json", check=True).stdout)
    assert again["changed"] is False and again["epoch"] == 2


def test_a_pool_is_retired_when_its_last_connection_is_gone(daemon, origins):
    server = two_pools(daemon, origins)
    with held_by(server.port, 1):
        server.switch("green")
        refused = server.run("prepare", "blue")
        assert refused.returncode == 3 and "1 connection of blue#1 is left" in refused.stderr
        assert "1 connection left" in server.run("retire", "blue", check=True).stdout
        server.run("retire", "blue", "--undo", check=True)
        assert server.app()["rollback_to"] == "blue"
        server.run("retire", "blue", check=True)
        assert server.run("rollback").returncode == 3
        assert server.pool("blue")["state"] == "retiring"
    wait_for(lambda: server.pool("blue")["state"] == "retired", "blue to be retired")
    assert server.run("switch", "blue").returncode == 3
    server.run("prepare", "blue", "--version", "1.3.1", check=True)
    assert server.pool("blue")["state"] == "standby"


def test_a_way_back_is_closed_and_prepared_in_one_command(daemon, origins):
    server = two_pools(daemon, origins)
    with held_by(server.port, 3):
        server.switch("green")
        server.run("prepare", "blue", "--version", "1.3.1", "--close-over", "200ms", "--wait", "empty", check=True)
        assert server.pool("blue")["established"] == 0
    assert server.pool("blue")["generation"] == 3


def test_a_trial_that_nobody_confirms_goes_back_and_one_that_is_confirmed_stays(daemon, origins):
    server = two_pools(daemon, origins)
    done = server.run("switch", "green", "--confirm-within", "500ms", "--wait", "confirmed", "--timeout", "20s")
    assert done.returncode == 8 and "blue is live now" in done.stderr, done
    assert server.pool("green")["state"] == "rejected"
    event, = [event for event in server.events("rollback") if event["actor"] == "shunt"]
    assert "was not confirmed in time" in event["message"]
    assert server.run("confirm", "green").returncode == 3
    server.run("prepare", "green", "--version", "1.3.1", check=True)
    server.run("switch", "green", "--confirm-within", "10m", check=True)
    assert "TRIAL, rolls back in 9m" in server.run("status", check=True).stdout
    assert server.run("retire", "blue").returncode == 3
    assert server.run("confirm").returncode == 2, "a script has to name it"
    assert server.run("confirm", "green#2").returncode == 3
    server.run("confirm", "green#3", check=True)
    server.run("wait", "confirmed", "green", "--timeout", "5s", check=True)


def test_a_trial_survives_a_crash_and_one_that_ended_meanwhile_goes_back(daemon, origins):
    server = two_pools(daemon, origins)
    server.run("switch", "green", "--confirm-within", "10m", check=True)
    server.kill()
    server.start()
    assert server.pool("green")["state"] == "trial" and server.app()["trial_ends_in_ns"] > 0
    server.run("abort", "--reason", "enough", check=True)
    assert server.app()["active"] == "blue" and server.pool("green")["state"] == "standby"
    server.wait_healthy("green")
    server.run("switch", "green", "--confirm-within", "300ms", check=True)
    server.kill()
    server.start()
    wait_for(lambda: server.app()["active"] == "blue", "blue to be live again")
    assert server.pool("green")["state"] == "rejected"


def colours(server, count):
    return [ask_colour(server.port) for _ in range(count)]


def test_a_share_goes_to_green_and_comes_back(daemon, origins):
    server = two_pools(daemon, origins)
    assert "green#2 takes 50% of new connections" in server.run("split", "green", "50%", check=True).stdout
    seen = colours(server, 200)
    assert 60 < seen.count("green") < 140
    assert "share 50%" in server.run("status", check=True).stdout
    server.run("split", "green", "100%", "--sticky", check=True)
    assert set(colours(server, 20)) == {"green"}
    server.kill()
    server.start()
    server.wait_healthy("green")
    wait_for(lambda: not server.app()["split"]["returned"], "green to have its share again")
    assert server.app()["split"] == {"pool": "green", "share": "100%", "sticky": True, "sources": [], "returned": []}
    assert set(colours(server, 5)) == {"green"}
    server.run("rollback", check=True)
    assert set(colours(server, 20)) == {"blue"}


def test_named_clients_go_first(daemon, origins):
    server = two_pools(daemon, origins)
    refused = server.run("split", "green", "--sources", "127.0.0.1/8")
    assert refused.returncode == 2 and "the network is 127.0.0.0/8" in refused.stderr
    server.run("split", "green", "--sources", "192.0.2.0/24", check=True)
    assert set(colours(server, 10)) == {"blue"}
    server.run("split", "green", "--sources", "192.0.2.0/24,127.0.0.0/8", check=True)
    assert set(colours(server, 10)) == {"green"}
    server.run("split", "off", check=True)
    assert set(colours(server, 10)) == {"blue"}
