"""What is measured: each axis turns one contestant into named values. A value that a contestant cannot have, such as
the own CPU time of the direct way, is left out."""
import contextlib
import time
from dataclasses import dataclass, field

import load
from measure import Meter


@dataclass
class Metric:
    key: str
    title: str
    unit: str
    more_is_better: bool = False


@dataclass
class Scene:
    """What the axes share. seconds and warm_up_s: of each measurement; capacities: requests a second of each
    contestant on 64 connections, as far as they were measured."""
    stage: object
    cpus: list
    control: str
    seconds: float
    warm_up_s: float
    idle_connections: int
    start_fresh: object
    contestants: list = field(default_factory=list)
    capacities: dict = field(default_factory=dict)


def _closed_loop(scene, contestant, connections, close=False):
    load.wrk(scene.stage, contestant.http, scene.warm_up_s, connections, close)
    meter = Meter(contestant.pids, scene.stage, scene.cpus)
    counted = load.wrk(scene.stage, contestant.http, scene.seconds, connections, close)
    return counted, meter.spent()


class Requests:
    """Closed loop: small answers on connections that stay, or that end after one request."""

    def __init__(self, name, title, connections, close=False):
        self.name, self.title, self.connections, self.close = name, title, connections, close
        self.metrics = [Metric("rate", "rate", "requests/s", more_is_better=True),
                        Metric("own_us", "own CPU", "us/request"), Metric("machine_us", "machine CPU", "us/request"),
                        Metric("p50_us", "p50", "us"), Metric("p99_us", "p99", "us")]

    def estimate_s(self, scene):
        return scene.warm_up_s + scene.seconds + 0.4

    def measure(self, scene, contestant):
        counted, spent = _closed_loop(scene, contestant, self.connections, self.close)
        requests = max(1, counted["requests"])
        values = {"rate": counted["requests"] / counted["seconds"],
                  "machine_us": spent.machine_s * 1e6 / requests,
                  "p50_us": counted["p50_us"], "p99_us": counted["p99_us"], "errors": counted["errors"],
                  "seconds": counted["seconds"], "others": spent.others}
        if spent.own_s is not None:
            values["own_us"] = spent.own_s * 1e6 / requests
            values["own_busy"] = spent.own_s / spent.seconds
        if self.name == "conn64":
            scene.capacities.setdefault(contestant.name, values["rate"])
        return values


class Bulk:
    """Streams as fast as they go, counted where they are received."""

    def __init__(self, name, title, down, up):
        self.name, self.title, self.down, self.up = name, title, down, up
        self.metrics = [Metric("rate_gb_s", "rate", "GB/s", more_is_better=True),
                        Metric("own_s_gb", "own CPU", "s/GB"), Metric("machine_s_gb", "machine CPU", "s/GB")]

    def estimate_s(self, scene):
        return scene.warm_up_s + scene.seconds + 0.2

    def measure(self, scene, contestant):
        streams = load.Streams(scene.stage, contestant.bulk, scene.control, self.down, self.up, scene.warm_up_s,
                               scene.seconds)
        try:
            meter = Meter(contestant.pids, scene.stage, scene.cpus)
            counted = streams.counted()
            spent = meter.spent()
        finally:
            streams.end()
        gigabytes = max(1e-9, (counted["down_bytes"] + counted["up_bytes"]) / 1e9)
        values = {"rate_gb_s": gigabytes / counted["seconds"],
                  "down_gb_s": counted["down_bytes"] / 1e9 / counted["seconds"],
                  "up_gb_s": counted["up_bytes"] / 1e9 / counted["seconds"],
                  "machine_s_gb": spent.machine_s / gigabytes * counted["seconds"] / spent.seconds,
                  "errors": counted["broken"], "seconds": counted["seconds"], "others": spent.others}
        if spent.own_s is not None:
            values["own_busy"] = spent.own_s / spent.seconds
            values["own_s_gb"] = values["own_busy"] * counted["seconds"] / gigabytes
        return values


AXES = [
    Requests("conn1", "1 connection", 1),
    Requests("conn64", "64 connections", 64),
    Requests("conn512", "512 connections", 512),
    Requests("connect", "a connection per request", 64, close=True),
    Bulk("down", "bulk, 4 streams down", 4, 0),
    Bulk("up", "bulk, 4 streams up", 0, 4),
    Bulk("both", "bulk, 4 streams each way", 4, 4),
]
