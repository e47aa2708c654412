"""What is measured: each axis turns one contestant into named values. A value that a contestant cannot have, such as
the own CPU time of the direct way, is left out."""
import time
from dataclasses import dataclass, field, replace

import contestants
import idle
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
    """What the axes share. control: the server of the streams; seconds and warm_up_s: of each measurement;
    capacities: requests a second of each contestant on 64 connections, as far as they were measured."""
    stage: object
    cpus: list
    nodes: contestants.Nodes
    control: str
    seconds: float
    warm_up_s: float
    idle_connections: int
    contestants: list = field(default_factory=list)
    capacities: dict = field(default_factory=dict)


def _closed_loop(scene, contestant, connections, close=False):
    load.wrk(scene.stage, contestant.http, scene.warm_up_s, connections, close)
    return _measured_wrk(scene, contestant, connections, close)


def _measured_wrk(scene, contestant, connections, close=False):
    requests = load.Wrk(scene.stage, contestant.http, connections, close)
    meter = Meter(contestant.pids, scene.stage, scene.cpus)
    time.sleep(scene.seconds)
    counted = requests.finish()
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


class Idle:
    """Memory of connections that do nothing, in a process started for it: one that has been busy keeps
    what it had, and the next connection would seem to cost nothing."""
    name, title, needs_balancer = "idle", "idle connections", True
    metrics = [Metric("before_b", "before a message", "B/connection"),
               Metric("after_b", "after a message", "B/connection")]

    def estimate_s(self, scene):
        return 1.5 + scene.idle_connections / 4000

    def measure(self, scene, contestant):
        with idle.Holder() as holder:
            nodes = replace(scene.nodes, bulk=[holder.address])
            fresh = contestants.start(contestant.name, scene.stage, nodes, instance="-idle")
            try:
                empty, opened, exchanged = idle.measure(holder, fresh, scene.idle_connections)
            finally:
                scene.stage.end(fresh.process)
        return {"before_b": (opened - empty) / scene.idle_connections,
                "after_b": (exchanged - empty) / scene.idle_connections, "empty_kib": empty / 1024,
                "connections": scene.idle_connections}


class Fairness:
    """Requests beside one bulk stream through the same process."""
    name, title = "fairness", "64 connections beside a bulk stream"
    metrics = [Metric("p50_us", "p50", "us"), Metric("p99_us", "p99", "us"),
               Metric("rate", "rate", "requests/s", more_is_better=True),
               Metric("stream_gb_s", "stream", "GB/s", more_is_better=True)]

    def estimate_s(self, scene):
        return 2 * scene.warm_up_s + scene.seconds + 0.5

    def measure(self, scene, contestant):
        # The requests' warm-up is within the stream's.
        streams = load.Streams(scene.stage, contestant.bulk, scene.control, 1, 0, scene.warm_up_s,
                               scene.warm_up_s + scene.seconds)
        try:
            load.wrk(scene.stage, contestant.http, scene.warm_up_s, 64)
            requests, spent = _measured_wrk(scene, contestant, 64)
            counted = streams.counted()
        finally:
            streams.end()
        values = {"p50_us": requests["p50_us"], "p99_us": requests["p99_us"],
                  "rate": requests["requests"] / requests["seconds"],
                  "stream_gb_s": counted["down_bytes"] / 1e9 / counted["seconds"],
                  "errors": requests["errors"] + counted["broken"], "others": spent.others}
        if spent.own_s is not None:
            values["own_busy"] = spent.own_s / spent.seconds
        return values


class Latency:
    """Open loop on 64 connections at half of what the slowest balancer bears there. Latencies count from the
    scheduled time of a request, so what a stall delays is not hidden."""
    name, title = "latency", "latency at half load"
    metrics = [Metric("p50_us", "p50", "us"), Metric("p99_us", "p99", "us"), Metric("p999_us", "p99.9", "us"),
               Metric("own_us", "own CPU", "us/request")]

    def estimate_s(self, scene):
        return scene.warm_up_s + scene.seconds + 0.3

    def _rate(self, scene):
        balancers = [one for one in scene.contestants if one.process] or scene.contestants
        for one in balancers:
            if one.name not in scene.capacities:
                counted, _ = _closed_loop(scene, one, 64)
                scene.capacities[one.name] = counted["requests"] / counted["seconds"]
        return max(1.0, min(scene.capacities[one.name] for one in balancers) / 2)

    def measure(self, scene, contestant):
        rate = self._rate(scene)
        meter = Meter(contestant.pids, scene.stage, scene.cpus)
        counted = load.paced_requests(scene.stage, contestant.http, rate, 64, scene.warm_up_s, scene.seconds)
        spent = meter.spent()
        # The meter runs over the warm-up, too, at the same rate.
        paced = rate * (scene.warm_up_s + scene.seconds)
        values = {key: counted[key] for key in ("p50_us", "p99_us", "p999_us")}
        values |= {"wanted_rate": rate, "rate": counted["answered"] / scene.seconds, "errors": counted["errors"],
                   "others": spent.others}
        if spent.own_s is not None:
            values["own_busy"] = spent.own_s / spent.seconds
            values["own_us"] = spent.own_s * 1e6 / paced
        return values


AXES = [
    Requests("conn1", "1 connection", 1),
    Requests("conn64", "64 connections", 64),
    Requests("conn512", "512 connections", 512),
    Requests("connect", "a connection per request", 64, close=True),
    Bulk("down", "bulk, 4 streams down", 4, 0),
    Bulk("up", "bulk, 4 streams up", 0, 4),
    Bulk("both", "bulk, 4 streams each way", 4, 4),
    Idle(),
    Fairness(),
    Latency(),
]
