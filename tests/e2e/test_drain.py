"""What is left on pools and nodes is closed when an operator says so, and nothing else is."""

import datetime

from harness import ACCESS, Ends, ask_colour, held_by, wait_for, web


def ended_at(record):
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


def two_pools(daemon, origins, count=1, **options):
    server = daemon(web(extra=ACCESS, blue=origins("blue", count), green=origins("green", count), **options))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    return server


def test_rollback_close_over_closes_what_is_left_spread_out_and_nothing_of_the_other_pool(daemon, origins):
    server = two_pools(daemon, origins)
    with held_by(server.port, 5) as blue:
        server.switch("green")
        with held_by(server.port, 20) as green:
            assert {client.colour for client in green} == {"green"}
            done = server.run("rollback", "--close-over", "1s", check=True)
            assert "20 connections left on green" in done.stdout
            ends = Ends(server).wait_cause("KD", count=20)
            assert {client.ask() for client in green} == {""}
        assert [client.ask() for client in blue] == ["blue"] * 5
        assert server.pool("blue")["established"] == 5
    assert ask_colour(server.port) == "blue"
    assert {(end["pool"], end["cause_name"]) for end in ends} == {("green", "drain_deadline")}
    times = [ended_at(end) for end in ends]
    assert max(times) - min(times) > 0.5, "not all at once"
    wait_for(lambda: len(Ends(server).all()) == 26, "all to be recorded")
    assert len(Ends(server).by_cause("KD")) == 20
    event, = server.events("drain_deadline")
    assert "pool green: closing 20 connections over 1s" in event["message"]


def test_a_node_drained_with_a_deadline_keeps_its_connections_until_then_and_others_stay(daemon, origins):
    server = two_pools(daemon, origins, count=2,
                       app_extra="    drain: {close_over: 50ms}\n    balance: least_connections\n")
    going, staying = (node["name"] for node in server.pool("blue")["node_list"])
    with held_by(server.port, 8) as clients:
        server.run("drain", going, "--deadline", "1h", check=True)
        assert [client.ask() for client in clients] == ["blue"] * 8
        with held_by(server.port, 4):
            assert [server.node(name)["established"] for name in (going, staying)] == [4, 8]
        server.run("drain", going, "--deadline", "1ms", check=True)
        ends = Ends(server).wait_cause("KD", count=4)
        assert {(end["pool"], end["node"], end["cause_name"]) for end in ends} == {("blue", going, "drain_deadline")}
        assert sorted(client.ask() for client in clients) == [""] * 4 + ["blue"] * 4
        assert [server.node(name)["established"] for name in (going, staying)] == [0, 4]
    assert server.node(going)["admin"] == "drain"
    wait_for(lambda: len(Ends(server).all()) == 12, "all to be recorded")
    assert len(Ends(server).by_cause("KD")) == 4


def test_a_closing_of_the_live_pool_shows_in_the_status_and_is_called_off(daemon, origins):
    server = two_pools(daemon, origins)
    with held_by(server.port, 6) as clients:
        server.run("close", "--pool", "blue", "--over", "100h", check=True)
        with held_by(server.port, 1):  # came later: not of them
            closing, = server.app()["closings"]
            assert (closing["pool"], closing["node"], closing["connection"]) == ("blue", None, None)
            wait_for(lambda: server.app()["closings"][0]["remaining"] == 6, "a survey")
            shown = server.run("status", check=True).stdout
            assert "closing pool blue: 6 connections left" in shown
            assert "shunt close --pool blue --cancel" in shown
            done = server.run("close", "--pool", "blue", "--cancel", check=True)
            assert "closing of pool blue cancelled: 6 connections remain" in done.stdout
            assert server.app()["closings"] == []
        # One connection alone: its closing ends with it.
        one, *_ = server.get("/v1/apps/-/connections")[1]["connections"]
        server.run("close", "--connection", str(one["id"]), "--over", "100h", check=True)
        assert [closing["connection"] for closing in server.app()["closings"]] == [one["id"]]
        assert {client.ask() for client in clients} == {"blue"}
    wait_for(lambda: server.app()["closings"] == [], "the closing to end with its connection")


def test_a_drain_deadline_is_taken_back(daemon, origins):
    server = two_pools(daemon, origins, count=2, app_extra="    drain: {close_over: 100h}\n")
    going = server.pool("blue")["node_list"][0]["name"]
    with held_by(server.port, 4) as clients:
        server.run("drain", going, "--deadline", "0s", check=True)
        assert server.node(going)["drain"]["closing"]
        done = server.run("drain", going, "--deadline", "none", check=True)
        assert f"{going} is drain: its deadline is taken back, nothing is closed" in done.stdout
        drain = server.node(going)["drain"]
        assert (drain["closing"], drain["deadline_in_ns"], drain["over_ns"]) == (False, None, None)
        event = server.events("node_admin")[-1]
        assert {"nodes": going, "deadline": "none"}.items() <= event["fields"].items()
        assert {client.ask() for client in clients} == {"blue"}
