#!/usr/bin/python3
"""The judgement of instruction counts: what is read from a profile, and what growth fails."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/count"))
import callgrind  # noqa: E402
import count  # noqa: E402
import history  # noqa: E402

BUILD = "GNU 12.2.0 x86_64 -O2"
PROFILE = """\
version: 1
positions: line
events: Ir

ob=(1) /a/lib/libc.so.6
fl=(1) printf.c
fn=(1) printf
28 1000
cob=(2) /somewhere/bin/bench_count
cfi=(2) /old/build/../../src/proxy/worker.hpp
cfn=(2) turn()
calls=5 100
* 4000

ob=(2)
fl=(2)
fn=(2)
100 7
+2 3
fi=(3) /usr/include/c++/12/bits/atomic_base.h
488 5
fe=(2)
-1 11
cob=(3) /somewhere/libbench_count_kernel.so
cfi=(4) /x/bench/count/kernel.cpp
cfn=(3) enter
calls=5 20
103 9000
* 2

fl=(5) /usr/include/liburing.h
fn=(4) get
1 1

ob=(3)
fl=(4)
fn=(3)
20 50000

totals: 60000
"""


def entry(**figures):
    return {"date": "2026-01-01", "reason": "first", "build": BUILD, "loads": {"message": figures}}


def figures(instructions=1000, operations=200, enters=100, calls=0, units=100):
    return {"units": units, "instructions": instructions, "operations": operations, "enters": enters, "calls": calls}


def grown(kept, counted):
    return [line.figure for line in history.compare(entry(**kept), {"message": counted}) if line.grown]


class Profile(unittest.TestCase):
    def test_has_what_the_program_executed_itself(self):
        costs = callgrind.self_costs(PROFILE.splitlines(True), "bench_count")
        worker = "/old/build/../../src/proxy/worker.hpp"
        atomic = "/usr/include/c++/12/bits/atomic_base.h"
        self.assertEqual(dict(costs), {("turn()", worker, 100): 7, ("turn()", worker, 102): 3,
                                       ("turn()", atomic, 488): 5, ("turn()", worker, 487): 11,
                                       ("turn()", worker, 103): 2,
                                       ("get", "/usr/include/liburing.h", 1): 1})

    def test_of_another_format_is_not_guessed_at(self):
        for line in ("events: Ir Dr\n", "positions: instr line\n"):
            with self.assertRaises(callgrind.UnknownFormat):
                callgrind.self_costs([line], "bench_count")

    def test_names_sources_whatever_directory_they_were_compiled_in(self):
        self.assertEqual(callgrind.source_of("/a/b/../../src/proxy/worker.hpp"), "src/proxy/worker.hpp")
        self.assertEqual(callgrind.source_of("include/shunt/uring/ring.hpp"), "include/shunt/uring/ring.hpp")

    def test_tells_whose_code_it_is(self):
        self.assertEqual([callgrind.part_of(path) for path in (
            "/w/src/proxy/pipe.cpp", "/w/include/shunt/traffic/balance.hpp", "/w/include/shunt/uring/ring.hpp",
            "/usr/include/liburing.h", "/usr/include/c++/12/atomic")],
            ["worker", "worker", "ring", "ring", "standard library"])


class Growth(unittest.TestCase):
    def test_of_instructions_passes_up_to_three_per_cent(self):
        self.assertEqual(grown(figures(instructions=1000), figures(instructions=1029)), [])
        self.assertEqual(grown(figures(instructions=1000), figures(instructions=1030)), [])

    def test_of_instructions_beyond_three_per_cent_fails(self):
        self.assertEqual(grown(figures(instructions=1000), figures(instructions=1031)), ["instructions"])

    def test_of_what_the_kernel_is_asked_fails_however_small(self):
        self.assertEqual(grown(figures(), figures(operations=201)), ["operations"])
        self.assertEqual(grown(figures(), figures(enters=101)), ["enters"])
        self.assertEqual(grown(figures(calls=0), figures(calls=1)), ["calls"])

    def test_is_of_a_unit_and_not_of_the_length_of_the_load(self):
        self.assertEqual(grown(figures(), figures(3000, 600, 300, 0, units=300)), [])

    def test_of_a_load_that_the_file_lacks_is_not_known_and_fails(self):
        lines = history.compare(entry(**figures()), {"bulk": figures()})
        self.assertTrue(all(line.grown and line.ratio is None for line in lines))
        self.assertTrue(all(line.grown for line in history.compare(None, {"message": figures()})))


class Judgement(unittest.TestCase):
    def judge(self, kept, counted, build=BUILD):
        return count.judge(kept, build, history.compare(kept, {"message": counted}))

    def test_of_growth_says_what_grew_and_what_to_do(self):
        text, code = self.judge(entry(**figures(1000)), figures(1031))
        self.assertEqual(code, 1)
        self.assertIn("10.00 -> 10.31 instructions (+3.1%)", text)
        self.assertIn("--update 'REASON'", text)

    def test_of_calls_where_there_were_none_says_so(self):
        text, code = self.judge(entry(**figures(calls=0)), figures(calls=50))
        self.assertEqual(code, 1)
        self.assertIn("0.00 -> 0.50 calls (from none)", text)

    def test_of_less_growth_is_silent(self):
        self.assertEqual(self.judge(entry(**figures(1000)), figures(1029)), ("", 0))

    def test_of_a_gain_asks_to_keep_it(self):
        text, code = self.judge(entry(**figures(1000)), figures(900))
        self.assertEqual(code, 0)
        self.assertIn("--update", text)

    def test_of_another_compiler_concludes_nothing(self):
        text, code = self.judge(entry(**figures(1000)), figures(9999), build="GNU 13.1.0 x86_64 -O2")
        self.assertEqual(code, 0)
        self.assertIn("another build", text)


class File(unittest.TestCase):
    def test_comes_back_as_it_was_written_with_a_line_a_load(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "counts.json")
            self.assertEqual(history.read(path), [])
            entries = [entry(**figures()), {**entry(**figures(900)), "reason": "„quoted\" \\ reason"}]
            history.write(path, entries)
            self.assertEqual(history.read(path), entries)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(sum('"message": {"units": 100' in line for line in file), 2)

    def test_of_the_project_has_every_load_and_figure(self):
        last = history.read(count.FILE)[-1]
        self.assertEqual(set(last["loads"]), set(count.LOADS))
        for loads in last["loads"].values():
            self.assertEqual(set(loads), {"units", *history.FIGURES})


if __name__ == "__main__":
    unittest.main()
