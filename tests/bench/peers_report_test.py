#!/usr/bin/python3
"""The judgement of ./dev bench peers: medians, the best peer, ratios and targets."""
import os
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/peers"))
import axes
import main
import plot
import report
import targets

CONN64 = next(axis for axis in axes.AXES if axis.name == "conn64")
DOWN = next(axis for axis in axes.AXES if axis.name == "down")
IDLE = next(axis for axis in axes.AXES if axis.name == "idle")


def results(axis, metric, **values):
    """One result a round for each contestant; haproxy_splice stands for haproxy-splice."""
    return [{"round": number, "axis": axis.name, "contestant": name.replace("_", "-"), "values": {metric: value}}
            for name, rounds in values.items() for number, value in enumerate(rounds, 1)]


def judged(axis, congestion, *metrics):
    summary = report.summarise([axis], [one for metric in metrics for one in metric])
    return {(target.metric, peer): (value, fine)
            for target, value, peer, fine in report.judge([axis], summary, congestion)}


class Judgement(unittest.TestCase):
    def test_a_median_comes_with_its_least_and_greatest(self):
        summary = report.summarise([CONN64], results(CONN64, "own_us", shunt=[9, 7, 8]))
        self.assertEqual(summary["conn64"]["own_us"]["shunt"], report.Spread(8, 7, 9, (9, 7, 8)))

    def test_the_best_peer_has_least_of_a_cost_and_most_of_a_rate_and_is_never_the_direct_way(self):
        spreads = {"shunt": report.spread([1]), "haproxy": report.spread([3]), "nginx": report.spread([5]),
                   "direct": report.spread([0.5])}
        self.assertEqual(report.best_peer(spreads, more_is_better=False), "haproxy")
        self.assertEqual(report.best_peer(spreads, more_is_better=True), "nginx")
        self.assertIsNone(report.best_peer({"shunt": report.spread([1])}, more_is_better=True))

    def test_a_ratio_is_of_medians_and_its_spread_of_rounds(self):
        found = report.ratios([CONN64], report.summarise(
            [CONN64], results(CONN64, "own_us", shunt=[8, 6, 80], haproxy=[10, 10, 40], nginx=[20, 20, 20])))
        self.assertEqual(found["conn64"]["own_us"], report.Comparison("haproxy", 0.8, 0.6, 2.0))

    def test_a_target_is_met_at_its_limit_and_missed_beyond_it(self):
        at_most = targets.Target("conn64", "own_us", 0.9)
        at_least = targets.Target("down", "rate_gb_s", 1.2, at_least=True)
        self.assertTrue(targets.met(at_most, 0.9) and not targets.met(at_most, 0.91))
        self.assertTrue(targets.met(at_least, 1.2) and not targets.met(at_least, 1.19))

    def test_bulk_is_held_against_splicing_by_the_targets_of_its_congestion_control(self):
        rates = results(DOWN, "rate_gb_s", shunt=[1.15], haproxy=[5], haproxy_splice=[1.0])
        for congestion, fine in (("bbr", False), ("reno", True), ("cubic", True)):
            value, met = judged(DOWN, congestion, rates)[("rate_gb_s", "haproxy-splice")]
            self.assertAlmostEqual(value, 1.15)
            self.assertEqual(met, fine, congestion)

    def test_memory_is_held_against_a_limit_of_its_own_and_against_the_best_peer(self):
        found = judged(IDLE, "bbr", results(IDLE, "before_b", shunt=[390], haproxy=[2000], nginx=[9000]))
        self.assertEqual(found[("before_b", None)], (390, True))
        self.assertEqual(found[("before_b", "haproxy")], (0.195, False))

    def test_a_target_without_a_measurement_is_told_as_not_measured(self):
        axis_only = results(CONN64, "own_us", shunt=[8])
        summary = report.summarise([CONN64], axis_only)
        verdicts = report.judge([CONN64], summary, "bbr")
        self.assertEqual([(value, fine) for _, value, _, fine in verdicts], [(None, False)])
        self.assertIn("not measured", "\n".join(report._verdict_lines([CONN64], verdicts)))

    def test_every_target_names_an_axis_and_a_figure_that_there_are(self):
        known = {(axis.name, metric.key) for axis in axes.AXES for metric in axis.metrics}
        self.assertEqual({(target.axis, target.metric) for target in targets.TARGETS} - known, set())

    def test_errors_of_anyone_are_problems(self):
        one = results(CONN64, "errors", nginx=[0, 3])
        self.assertEqual(report.problems_of([CONN64], one),
                         ["nginx stream, 64 connections, round 2: 3 answers or streams missing or wrong"])

    def test_the_plot_is_well_formed_also_where_a_ratio_is_out_of_its_range(self):
        root = xml.etree.ElementTree.fromstring(plot.svg([("a < b", 0.0001, False), ("c", 99, True)], "ratios & more"))
        self.assertEqual(len(root.findall("{http://www.w3.org/2000/svg}rect")), 2)


class ScriptedAxis:
    """Measures what it is told, one after the other."""

    def __init__(self, *others):
        self.left = [{"others": share, "number": number} for number, share in enumerate(others, 1)]

    def measure(self, _scene, _contestant):
        return self.left.pop(0)


class Disturbance(unittest.TestCase):
    def test_an_undisturbed_measurement_is_not_repeated(self):
        self.assertEqual(main.measure_undisturbed(ScriptedAxis(0.05, 0), None, None, 2),
                         {"others": 0.05, "number": 1, "tries": 1})

    def test_a_disturbed_one_is_repeated_until_one_is_not(self):
        self.assertEqual(main.measure_undisturbed(ScriptedAxis(0.5, 0.05, 0), None, None, 2),
                         {"others": 0.05, "number": 2, "tries": 2})

    def test_where_all_are_disturbed_the_least_counts(self):
        self.assertEqual(main.measure_undisturbed(ScriptedAxis(0.5, 0.2, 0.4, 0), None, None, 2),
                         {"others": 0.2, "number": 2, "tries": 3})

    def test_the_report_says_which_axis_was_disturbed(self):
        disturbed = results(DOWN, "others", shunt=[0.01, 0.3]) + results(CONN64, "others", shunt=[0.02])
        self.assertEqual(report.disturbance(disturbed, "down"), 0.3)
        self.assertEqual(report.disturbance(disturbed, "conn64"), 0.02)
        setup = {"balancer_cpu": 1, "load_cpu": 0, "date": "", "machine": "", "congestion": "bbr", "rounds": 1,
                 "seconds": 1, "warm_up_s": 1, "contestants": {}}
        text = report.markdown(setup, [CONN64, DOWN], disturbed, {}, [])
        self.assertEqual(text.count("Disturbed: other work took up to 30%"), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
