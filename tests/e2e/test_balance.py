"""Which node a connection goes to, through the real daemon: balancers, panic, nodes that clients find broken."""

import contextlib

from harness import ACCESS, ColourOrigin, Ends, ask_colour, connect, held_by, wait_for, web


def counts(server, pool="blue", what="established"):
    return [node[what] for node in server.pool(pool)["node_list"]]


def admin(server, state, *nodes):
    status, outcome = server.post("/v1/apps/-/nodes", {"nodes": list(nodes), "admin": state, "force": True})
    assert status == 200, outcome


@contextlib.contextmanager
def loaded_first(server, held):
    """`held` connections on the first node of blue and none on the others."""
    first, *others = (node["name"] for node in server.pool("blue")["node_list"])
    admin(server, "drain", *others)
    with held_by(server.port, held):
        assert counts(server) == [held] + [0] * len(others)
        admin(server, "ready", *others)
        yield


def test_least_connections_moves_new_ones_to_the_node_that_holds_fewer(daemon, origins):
    server = daemon(web(app_extra="    balance: least_connections\n", blue=origins("blue", 2)))
    server.wait_healthy("blue")
    with loaded_first(server, 10):
        with held_by(server.port, 6):
            assert counts(server) == [10, 6]
    wait_for(lambda: counts(server) == [0, 0], "all to have ended")
    with held_by(server.port, 10):
        assert counts(server) == [5, 5], "what has ended counts no more"


def test_random_two_spreads_over_all_nodes_and_prefers_the_less_loaded(daemon, origins):
    server = daemon(web(app_extra="    balance: random_two\n", blue=origins("blue", 3)))
    server.wait_healthy("blue")
    with loaded_first(server, 40):
        # Of two different nodes the first one is the more loaded, whichever the other is.
        with held_by(server.port, 30):
            first, *others = counts(server)
            assert first == 40 and sum(others) == 30
            assert min(others) >= 10, others
    wait_for(lambda: counts(server) == [0, 0, 0], "all to have ended")
    with held_by(server.port, 60):
        assert min(counts(server)) >= 10, counts(server)


# ---- panic


def panic_of(server):
    """What status, the metric and the last event say."""
    metric = server.metrics()['shunt_service_panic{app="web",service="default"}']
    events = [event["fields"]["panic"] == "true" for event in server.events("panic")]
    return server.app()["services"][0]["panic"], metric == 1, events[-1:] == [True]


def test_with_too_few_usable_nodes_all_ready_ones_are_tried_and_drained_and_maintained_ones_never(
        daemon, origins, refusing):
    good, drained, maintained = origins("blue", 3)
    broken, address = refusing()
    server = daemon(web(app_extra="    panic_below: 60%\n", blue=[
        ("good", good), ("broken", address), ("drained", drained), ("maintained", maintained)]))
    wait_for(lambda: server.node("broken")["health"] == "down", "the broken one to be down")
    for name in ("drained", "maintained"):
        wait_for(lambda name=name: server.node(name)["health"] == "up", "the rest to be up")
    assert panic_of(server) == (False, False, False)  # three of four are usable
    admin(server, "drain", "drained")
    admin(server, "maint", "maintained")
    wait_for(lambda: panic_of(server) == (True, True, True), "panic: one of two ready ones is usable")
    assert server.node("broken")["connect_errors"] == 0
    assert [ask_colour(server.port) for _ in range(20)] == ["blue"] * 20
    assert server.node("broken")["connect_errors"] > 0, "tried regardless of its health"
    assert [server.node(name)["connections"] for name in ("good", "drained", "maintained")] == [20, 0, 0]
    broken.listen()
    wait_for(lambda: panic_of(server) == (False, False, False), "the panic to be over")


def test_with_no_usable_node_at_all_ready_ones_are_tried_and_the_first_that_is_back_answers(daemon, origins, refusing):
    (one, address), (_, other) = refusing(), refusing()
    # Clients find both broken; the next check is an hour away, more or less.
    server = daemon(web(extra=ACCESS, health="{interval: 1h, passive_fall: 1}",
                        blue=[("one", address), ("other", other)]))

    def turned_away():
        with contextlib.suppress(ConnectionResetError), connect(server.port) as client:
            assert client.recv(1) == b""

    turned_away()
    wait_for(lambda: counts(server, what="health") == ["down", "down"], "both to be down")
    wait_for(lambda: panic_of(server) == (True, True, True), "panic")
    turned_away()
    ends = Ends(server).wait_cause("SC", count=2)  # and not PN, no node
    assert [end["attempts"] for end in ends] == [2, 2]
    one.close()
    origin = ColourOrigin("back", port=int(address.split(":")[1]))
    try:
        assert {ask_colour(server.port) for _ in range(6)} == {"back"}
        assert server.node("one")["health"] == "down"
    finally:
        origin.stop()


# ---- passive marking


def test_a_node_that_refuses_clients_is_taken_out_without_any_check(daemon, origins, refusing):
    _, address = refusing()
    server = daemon(web(health="{type: off, interval: 1h}", blue=[*origins("blue"), ("broken", address)]))
    assert counts(server, what="health") == ["assumed", "assumed"]

    def revision():
        return server.get("/v1/status")[1]["process"]["revision"]

    def marked():
        assert ask_colour(server.port) == "blue"
        return server.node("broken")["health"] == "down"

    before = revision()
    wait_for(marked, "the node to be marked down")
    wait_for(lambda: revision() > before and server.app()["adopted"], "the workers to go by that")
    node = server.node("broken")
    assert node["connect_errors"] >= 3 and node["last_failure"] == "default: connects failed: Connection refused"
    series = 'shunt_node_connect_errors_total{app="web",pool="blue",node="broken"}'
    assert server.metrics()[series] == node["connect_errors"]
    assert [ask_colour(server.port) for _ in range(30)] == ["blue"] * 30
    assert server.node("broken")["connect_errors"] == node["connect_errors"], "tried although it is down"
    event, = server.events("node_health")
    assert event["fields"]["node"] == "broken" and event["fields"]["to"] == "down"


def test_a_node_that_was_taken_out_comes_back_when_it_listens_again(daemon, origins, refusing):
    taken, address = refusing()
    server = daemon(web(extra="workers: 1\n", health="{type: off, interval: 100ms, rise: 1}",
                        blue=[*origins("blue"), ("broken", address)]))

    def times_down():
        assert ask_colour(server.port) == "blue"
        return sum(event["fields"]["to"] == "down" for event in server.events("node_health"))

    wait_for(lambda: times_down() >= 2, "it to be tried again after a while, in vain")
    taken.close()
    origin = ColourOrigin("back", port=int(address.split(":")[1]))
    try:
        wait_for(lambda: server.node("broken")["health"] == "assumed", "its time to be over")
        wait_for(lambda: ask_colour(server.port) == "back", "the node to be back")
        # Taken in turns again, and not taken out once more for what was before.
        assert sorted(ask_colour(server.port) for _ in range(10)) == ["back"] * 5 + ["blue"] * 5
    finally:
        origin.stop()
