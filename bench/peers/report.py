"""From raw values to medians, ratios and verdicts; as JSON, Markdown and a plot."""
import json
import os
import statistics
from dataclasses import dataclass

import plot
import targets
from contestants import PEERS, TITLES

OURS = "shunt"
# More than the kernel's own threads take.
DISTURBED = 0.1


@dataclass(frozen=True)
class Spread:
    """by_round: the values in the order of the rounds."""
    median: float
    low: float
    high: float
    by_round: tuple


@dataclass(frozen=True)
class Comparison:
    """shunt's median beside that of a peer; ratio is the first divided by the second. low and high are the least and
    the greatest of such ratios of one round, whose measurements were made close to each other."""
    peer: str
    ratio: float
    low: float
    high: float


@dataclass
class Written:
    markdown: str
    paths: list
    problems: list


def spread(values):
    return Spread(statistics.median(values), min(values), max(values), tuple(values))


def summarise(axes, results):
    """{axis: {metric: {contestant: Spread}}}; what nobody has is left out."""
    summary = {}
    for axis in axes:
        for metric in axis.metrics:
            raw = {}
            for result in results:
                if result["axis"] == axis.name and metric.key in result["values"]:
                    raw.setdefault(result["contestant"], []).append(result["values"][metric.key])
            if raw:
                summary.setdefault(axis.name, {})[metric.key] = {
                    name: spread(raw[name]) for name in TITLES if name in raw}
    return summary


def compare(spreads, peer):
    """None where one of the two was not measured, or the peer's value is nothing to divide by."""
    if OURS not in spreads or peer not in spreads or spreads[peer].low <= 0:
        return None
    ours, theirs = spreads[OURS], spreads[peer]
    pairs = [one / other for one, other in zip(ours.by_round, theirs.by_round)]
    return Comparison(peer, ours.median / theirs.median, min(pairs), max(pairs))


def best_peer(spreads, more_is_better):
    """The balancer, ours apart, with the best median of one metric; None where none was measured."""
    measured = [name for name in PEERS if name in spreads]
    if not measured:
        return None
    return (max if more_is_better else min)(measured, key=lambda name: spreads[name].median)


def ratios(axes, summary):
    """{axis: {metric: Comparison with the best peer}}"""
    found = {}
    for axis in axes:
        for metric in axis.metrics:
            spreads = summary.get(axis.name, {}).get(metric.key, {})
            comparison = compare(spreads, best_peer(spreads, metric.more_is_better))
            if comparison:
                found.setdefault(axis.name, {})[metric.key] = comparison
    return found


def judge(axes, summary, congestion):
    """[(Target, value, peer, met)] of the targets whose axis was run; value is None where something is missing."""
    judged = []
    for target in targets.TARGETS:
        axis = next((axis for axis in axes if axis.name == target.axis), None)
        if axis is None or not targets.applies(target, congestion):
            continue
        metric = next(metric for metric in axis.metrics if metric.key == target.metric)
        spreads = summary.get(axis.name, {}).get(metric.key, {})
        value, peer = None, target.against
        if target.against is None:
            value = spreads[OURS].median if OURS in spreads else None
        else:
            if target.against == targets.BEST:
                peer = best_peer(spreads, metric.more_is_better)
            comparison = compare(spreads, peer)
            value = comparison.ratio if comparison else None
        judged.append((target, value, peer, value is not None and targets.met(target, value)))
    return judged


def number(value):
    """Three digits that count, and whole numbers whole."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def spread_text(one):
    if one.low == one.high:
        return number(one.median)
    return f"{number(one.median)} ({number(one.low)} to {number(one.high)})"


def comparison_text(one):
    if one.low == one.high:
        return f"{one.ratio:.2f} ({TITLES[one.peer]})"
    return f"{one.ratio:.2f} ({TITLES[one.peer]}; {one.low:.2f} to {one.high:.2f})"


def _axis_table(axis, summary, found):
    here = summary.get(axis.name, {})
    shown = [metric for metric in axis.metrics if metric.key in here]
    names = [name for name in TITLES if any(name in here[metric.key] for metric in shown)]
    lines = [f"### {axis.title[0].upper()}{axis.title[1:]}", "",
             "| | " + " | ".join(f"{metric.title}, {metric.unit}" for metric in shown) + " |",
             "|---|" + "---|" * len(shown)]
    for name in names:
        cells = [spread_text(here[metric.key][name]) if name in here[metric.key] else "–" for metric in shown]
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    comparisons = [found.get(axis.name, {}).get(metric.key) for metric in shown]
    if any(comparisons):
        cells = [comparison_text(one) if one else "–" for one in comparisons]
        lines.append("| **shunt / best peer** | " + " | ".join(cells) + " |")
    return lines + [""]


def _verdict_lines(axes, judged):
    lines = ["### Targets", "", "| axis | figure | beside | wanted | measured | |", "|---|---|---|---|---|---|"]
    titles = {(axis.name, metric.key): (axis.title, metric) for axis in axes for metric in axis.metrics}
    for target, value, peer, fine in judged:
        title, metric = titles[(target.axis, target.metric)]
        unit = f" {metric.unit}" if target.against is None else ""
        beside = "itself" if target.against is None else TITLES.get(peer, "–")
        lines.append(f"| {title} | {metric.title} | {beside} | "
                     f"{'>=' if target.at_least else '<='} {target.limit:g}{unit} | "
                     f"{'–' if value is None else number(value)} | "
                     f"{'not measured' if value is None else 'met' if fine else 'MISSED'} |")
    return lines + [""]


def disturbance(results, axis=None):
    """The greatest share of the CPUs that what is not the benchmark's took during a measurement (of one axis)."""
    return max((one["values"].get("others", 0) for one in results if axis in (None, one["axis"])), default=0)


def markdown(setup, axes, results, summary, judged):
    apart = (f"balancers on CPU {setup['balancer_cpu']}, load and origins on CPU {setup['load_cpu']}"
             if setup["balancer_cpu"] is not None else "balancers and load on one CPU: figures say little")
    lines = ["## shunt beside its peers", "",
             f"{setup['date']}; {setup['machine']}; congestion control {setup['congestion']}; {apart}; "
             f"{setup['rounds']} round(s) of {setup['seconds']:g} s after {setup['warm_up_s']:g} s of warm-up; medians "
             "(least to greatest).", "",
             "; ".join(f"{one['title']} {one['version']}" for one in setup["contestants"].values()) + ".", ""]
    found = ratios(axes, summary)
    for axis in axes:
        lines += _axis_table(axis, summary, found)
        if disturbance(results, axis.name) >= DISTURBED:
            lines += [f"**Disturbed: other work took up to {disturbance(results, axis.name):.0%} of these CPUs "
                      "meanwhile. Repeat this axis on a quiet machine.**", ""]
    if judged:
        lines += _verdict_lines(axes, judged)
    return "\n".join(lines)


def problems_of(axes, results):
    titles = {axis.name: axis.title for axis in axes}
    return [f"{TITLES[one['contestant']]}, {titles[one['axis']]}, round {one['round']}: "
            f"{one['values']['errors']} answers or streams missing or wrong"
            for one in results if one["values"].get("errors", 0) > 0]


def as_json(setup, axes, results, summary, judged):
    found = ratios(axes, summary)
    return {
        "setup": setup,
        "axes": {axis.name: {"title": axis.title, "metrics": {
            metric.key: {"title": metric.title, "unit": metric.unit, "more_is_better": metric.more_is_better}
            for metric in axis.metrics}} for axis in axes},
        "results": results,
        "summary": {axis: {metric: {name: vars(one) for name, one in spreads.items()}
                           for metric, spreads in metrics.items()} for axis, metrics in summary.items()},
        "ratios": {axis: {metric: vars(one) for metric, one in metrics.items()} for axis, metrics in found.items()},
        "targets": [{"axis": target.axis, "metric": target.metric, "limit": target.limit,
                     "at_least": target.at_least, "against": peer, "value": value,
                     "met": None if value is None else fine} for target, value, peer, fine in judged],
    }


def write(directory, setup, axes, results):
    """Writes peers.json, peers.md and peers.svg."""
    summary = summarise(axes, results)
    judged = judge(axes, summary, setup["congestion"])
    text = markdown(setup, axes, results, summary, judged)
    bars = [(f"{axis.title}: {metric.title}", ratios(axes, summary)[axis.name][metric.key].ratio,
             metric.more_is_better)
            for axis in axes for metric in axis.metrics
            if metric.key in ratios(axes, summary).get(axis.name, {})]
    os.makedirs(directory, exist_ok=True)
    content = {"peers.json": json.dumps(as_json(setup, axes, results, summary, judged), indent=1) + "\n",
               "peers.md": text, "peers.svg": plot.svg(bars, "shunt / best peer, " + setup["congestion"])}
    paths = []
    for name, one in content.items():
        paths.append(os.path.join(directory, name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.write(one)
    return Written(text, paths, problems_of(axes, results))
