"""What shunt is held against, and whether a run met it."""
from dataclasses import dataclass

BEST = "best peer"


@dataclass(frozen=True)
class Target:
    """shunt's median divided by that of `against` (or itself, where against is None) meets `limit`: at most it, or at
    least it where at_least is set. congestion: the only congestion control that it is for; None: any."""
    axis: str
    metric: str
    limit: float
    at_least: bool = False
    against: str | None = BEST
    congestion: str | None = None


def _bulk(axis):
    for congestion, rate, cpu in (("bbr", 1.2, 0.85), ("reno", 1.1, 0.95)):
        yield Target(axis, "rate_gb_s", rate, at_least=True, against="haproxy-splice", congestion=congestion)
        yield Target(axis, "own_s_gb", cpu, against="haproxy-splice", congestion=congestion)


TARGETS = [
    Target("conn64", "own_us", 0.90),
    Target("conn512", "own_us", 0.85),
    Target("connect", "own_us", 0.97),
    Target("connect", "rate", 0.98, at_least=True),
    *_bulk("down"),
    *_bulk("up"),
    Target("conn1", "p50_us", 0.45),
    Target("conn1", "p99_us", 1.0),
    Target("latency", "p99_us", 0.9),
    Target("fairness", "p99_us", 0.8),
    Target("idle", "before_b", 400, against=None),
    Target("idle", "before_b", 0.15),
    Target("idle", "after_b", 400, against=None),
    Target("idle", "after_b", 0.15),
]


def met(target, value):
    return value >= target.limit if target.at_least else value <= target.limit


def applies(target, congestion):
    """Bulk targets are set for BBR and for Reno; those of Reno go for other loss-based controls too."""
    return target.congestion in (None, "bbr" if congestion == "bbr" else "reno")
