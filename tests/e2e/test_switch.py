"""The main job: traffic flows through shunt, is switched and rolled back, and nothing is lost."""

from harness import ask_colour, connect, wait_for, web
from switching import switch_while_asked


def start_two_pools(daemon, origins, **options):
    blue, green = origins("blue", 2), origins("green", 2)
    server = daemon(web(blue=blue, green=green, **options))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    return server


def test_new_connections_follow_a_switch_and_a_rollback_at_once(daemon, origins):
    server = start_two_pools(daemon, origins)
    for expected, verb, body in (("green", "switch", {"to": "green"}), ("blue", "rollback", {})):
        status, outcome = server.post(f"/v1/apps/web/{verb}", body)
        assert status == 200, outcome
        assert outcome["changed"] and outcome["active"] == expected
        assert [ask_colour(server.port) for _ in range(20)] == [expected] * 20


def test_an_established_connection_stays_where_it_is(daemon, origins):
    server = start_two_pools(daemon, origins)
    with connect(server.port) as client, client.makefile("rwb") as lines:
        for _ in range(3):
            lines.write(b"?\n")
            lines.flush()
            assert lines.readline() == b"blue\n"
            server.switch("green")
            server.post("/v1/apps/-/rollback", {})
            server.switch("green")
        assert server.pool("blue")["drain"]["remaining"] == 1
        server.post("/v1/apps/-/rollback", {})
    wait_for(lambda: server.pool("blue")["established"] == 0, "the connection to be gone")


def test_a_rollback_repeated_never_goes_forward(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.switch("green")
    assert server.post("/v1/apps/-/rollback", {})[1]["changed"]
    again = server.post("/v1/apps/-/rollback", {})
    assert again[0] == 200 and not again[1]["changed"] and again[1]["active"] == "blue"


def test_asking_for_what_already_is_changes_nothing(daemon, origins):
    server = start_two_pools(daemon, origins)
    epoch = server.app()["epoch"]
    outcome = server.switch("blue")
    assert not outcome["changed"] and outcome["epoch"] == epoch


def test_no_connection_begun_after_the_acknowledgement_reaches_the_old_pool(daemon, origins):
    server = start_two_pools(daemon, origins)
    misled, meanwhile = switch_while_asked(server)
    assert not misled
    assert set(meanwhile) == {"blue", "green"}, "one was lost"


def test_a_pool_below_min_healthy_is_refused_with_reasons_and_can_be_waived(daemon, origins):
    blue, green = origins("blue", 2), origins("green", 1)
    server = daemon(web(blue=blue, green=[green[0], "127.0.0.1:1"]))
    wait_for(lambda: server.pool("green")["healthy"] == 1, "the one green node to be healthy")
    status, problem = server.post("/v1/apps/web/switch", {"to": "green"})
    assert status == 409
    assert [reason["gate"] for reason in problem["reasons"]] == ["min_healthy"]
    assert "127.0.0.1:1" in problem["reasons"][0]["message"]
    assert ask_colour(server.port) == "blue"
    outcome = server.switch("green", skip=["min_healthy"], reason="half is enough")
    assert outcome["receipt"]["skipped"] == ["min_healthy"]
    assert {ask_colour(server.port) for _ in range(10)} == {"green"}


def test_a_repeat_by_key_after_a_restart_is_the_same_answer(daemon, origins):
    server = start_two_pools(daemon, origins)
    first = server.post("/v1/apps/-/switch", {"to": "green"}, **{"Idempotency-Key": "release-7"})[1]
    closed = server.post("/v1/apps/-/close", {"pool": "blue"}, **{"Idempotency-Key": "close-7"})[1]
    assert first["receipt"]["total_ns"] > 0 and first["receipt"]["persist_ns"] > 0
    assert server.stop() == 0
    server.start()
    again = server.post("/v1/apps/-/switch", {"to": "green"}, **{"Idempotency-Key": "release-7"})[1]
    assert again == {**first, "replayed": True}
    again = server.post("/v1/apps/-/close", {"pool": "blue"}, **{"Idempotency-Key": "close-7"})[1]
    assert again == {**closed, "replayed": True}


def test_a_restart_restores_the_last_acknowledged_decision(daemon, origins):
    server = start_two_pools(daemon, origins)
    server.switch("green")
    epoch = server.app()["epoch"]
    server.kill()
    server.start()
    assert server.app()["active"] == "green" and server.app()["epoch"] == epoch
    assert ask_colour(server.port) == "green"
    assert server.stop() == 0
    server.start()
    assert server.app()["active"] == "green"
    assert server.post("/v1/apps/-/rollback", {})[1]["active"] == "blue"
