"""What an operator reads afterwards: access log, metrics, and the log of the process."""

import json
import os
import re
import signal
from pathlib import Path

from harness import ask_colour, connect, reset, wait_for, web

ROOT = Path(__file__).parents[2]


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def fields_of(line):
    return dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))


def start(daemon, origins, access="{dir}/access.log", log="", **options):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(f"log: {{access: {access}{log}}}\n", blue=blue, green=green), **options)
    server.wait_healthy("green")
    server.access = server.directory / "access.log"
    return server


# ---- access log


def test_a_connection_is_one_line_with_its_way_its_bytes_and_its_cause(daemon, origins):
    server = start(daemon, origins)
    with connect(server.port) as client:
        name = "{}:{}".format(*client.getsockname())
        client.sendall(b"?\n")
        assert client.makefile("rb").readline() == b"blue\n"
    line, = wait_for(lambda: lines_of(server.access), "a line in the access log")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z client=", line)
    fields = fields_of(line)
    told = {key: fields[key] for key in ("client", "app", "service", "pool", "epoch", "bytes_up",
                                         "bytes_down", "cause", "attempts", "repointed")}
    assert told == {"client": name, "app": "web", "service": "default", "pool": "blue", "epoch": "1",
                    "bytes_up": "2", "bytes_down": "5", "cause": "--", "attempts": "1",
                    "repointed": "0"}
    times = [float(fields[key]) for key in ("connect_s", "connected_s", "first_byte_s", "total_s")]
    assert times == sorted(times) and times[0] > 0, line


def test_the_log_names_the_pool_and_epoch_that_each_connection_went_to(daemon, origins):
    server = start(daemon, origins)
    ask_colour(server.port)
    server.switch("green")
    ask_colour(server.port)
    wait_for(lambda: len(lines_of(server.access)) == 2, "two lines")
    ways = [(fields_of(line)["pool"], fields_of(line)["epoch"]) for line in lines_of(server.access)]
    assert sorted(ways) == [("blue", "1"), ("green", "2")]


def test_a_reset_by_the_client_is_told_from_an_ordinary_end(daemon, origins):
    server = start(daemon, origins, log=", format: json")
    client = connect(server.port)
    client.sendall(b"?\n")
    assert client.recv(100) == b"blue\n"
    reset(client)
    line, = wait_for(lambda: lines_of(server.access), "a line in the access log")
    record = json.loads(line)
    assert (record["cause"], record["cause_name"]) == ("CR", "client_reset")
    assert record["bytes_down"] == 5 and record["pool"] == "blue"


def test_every_connection_is_in_the_log_when_the_daemon_has_ended(daemon, origins):
    server = start(daemon, origins)
    for _ in range(200):
        ask_colour(server.port)
    server.stop()
    assert len(lines_of(server.access)) == 200


def test_after_rotation_and_a_signal_lines_go_to_the_new_file(daemon, origins):
    server = start(daemon, origins)
    for number, kind in enumerate((signal.SIGHUP, signal.SIGUSR1)):
        ask_colour(server.port)
        wait_for(lambda: lines_of(server.access), "a line")
        old = server.access.rename(server.directory / f"access.log.{number}")
        os.kill(server.process.pid, kind)
        wait_for(server.access.exists, "the new file")
        assert len(lines_of(old)) == 1 and lines_of(server.access) == []


def test_a_full_disk_costs_lines_and_no_connection(daemon, origins):
    server = start(daemon, origins, access="/dev/full")
    for _ in range(20):
        assert ask_colour(server.port) == "blue"
    event, = wait_for(lambda: server.events("access_log"), "the event")
    assert event["level"] == "error" and "No space left on device" in event["message"]


# ---- metrics


def test_metrics_tell_what_happened(daemon, origins):
    server = start(daemon, origins)
    for _ in range(5):
        ask_colour(server.port)
    server.switch("green")
    ask_colour(server.port)
    wait_for(lambda: len(lines_of(server.access)) == 6, "all to have ended")
    read = server.metrics()
    assert read['shunt_connections_accepted_total{app="web",service="default"}'] == 6
    assert read['shunt_connections_open{app="web",service="default"}'] == 0
    assert read['shunt_connections_closed_total{cause="done"}'] == 6
    assert read['shunt_pool_active{app="web",pool="green"}'] == 1
    assert read['shunt_pool_active{app="web",pool="blue"}'] == 0
    assert read['shunt_pool_state{app="web",pool="blue",state="kept"}'] == 1
    assert read['shunt_app_epoch{app="web"}'] == 2
    assert read['shunt_switches_total{app="web",kind="switch",outcome="done"}'] == 1
    assert read['shunt_switch_seconds_count{app="web",part="total"}'] == 1
    assert read['shunt_connect_seconds_count{app="web",service="default",pool="blue"}'] == 5
    assert read['shunt_connection_seconds_count{app="web",service="default"}'] == 6
    assert read["shunt_access_log_lines_total"] == 6
    assert read["shunt_ready"] == 1 and read["shunt_state_durable"] == 1
    by_node = sum(value for series, value in read.items()
                  if series.startswith("shunt_node_bytes_total") and 'direction="down"' in series)
    assert by_node == 5 * len("blue\n") + len("green\n")
    assert sum(value for series, value in read.items() if series.startswith("shunt_worker_turns")) > 0


def test_every_metric_of_the_daemon_is_documented_and_the_other_way_round(daemon, origins):
    server = start(daemon, origins)
    exported = set(re.findall(r"^# TYPE (\w+)", server.get("/metrics")[1], re.MULTILINE))
    documented = set(re.findall(r"^\| `(shunt_\w+)` \| (?:counter|gauge|histogram) \|",
                                (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    assert exported == documented


# ---- the process's log


def test_decisions_are_in_the_log_as_lines_of_text(daemon, origins):
    server = start(daemon, origins)
    server.switch("green", reason='release 7 level="error"')
    line = wait_for(lambda: next((one for one in server.log.splitlines() if " switch app=web " in one),
                                 None), "the switch in the log")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info switch app=web ", line)
    assert r'reason="release 7 level=\"error\""' in line, "a value cannot pass for a field"


def test_the_log_as_json_is_json_in_every_line(daemon, origins):
    server = start(daemon, origins, log=", format: json")
    server.switch("green")
    server.stop()
    records = [json.loads(line) for line in server.log.splitlines()]
    assert {"started", "switch", "stopping"} <= {record["type"] for record in records}
    assert all({"time", "level", "msg"} <= record.keys() for record in records)
