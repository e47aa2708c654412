#!/usr/bin/python3
"""Each tidy rule fails on a planted violation, names its place, and is silent on the clean twin."""
import os
import sys
import tempfile
import unittest

import docs
import rules

HEADER = "// One thing.\n#pragma once\n"
DEV = "#!/bin/bash\ncase $verb in\n  build) build ;;\n  help | -h) help ;;\nesac\n"

# rule: (path, violating text, line of the finding, clean text)
CASES = [
    ("floors", "src/traffic/x.cpp", '\n#include "shunt/proxy/worker.hpp"\n', 2,
     '#include "shunt/base/check.hpp"\n#include "shunt/traffic/table.hpp"\n'),
    ("floors", "include/shunt/uring/x.hpp", HEADER + '#include "shunt/traffic/ids.hpp"\n', 3,
     HEADER + '#include "shunt/base/result.hpp"\n'),
    ("private_headers", "src/admin/x.cpp", '#include "src/control/state.hpp"\n', 1,
     '#include "src/admin/server.hpp"\n'),
    ("private_headers", "include/shunt/proxy/x.hpp", HEADER + '#include "src/proxy/relay.hpp"\n', 3,
     HEADER + '#include "shunt/proxy/records.hpp"\n'),
    ("private_headers", "tests/unit/admin/x.cpp", '#include "src/proxy/relay.hpp"\n', 1,
     '#include "src/admin/server.hpp"\n'),
    ("private_headers", "bench/x.cpp", '#include "src/proxy/relay.hpp"\n', 1,
     '#include "shunt/proxy/records.hpp"\n'),
    ("repo_rooted", "src/proxy/x.cpp", '#include "relay.hpp"\n', 1, '#include "src/proxy/relay.hpp"\n'),
    ("third_party", "src/proxy/x.cpp", "#include <liburing.h>\n", 1, "#include <vector>\n"),
    ("third_party", "src/traffic/x.cpp", "#include <boost/json.hpp>\n", 1, "#include <array>\n"),
    ("third_party", "src/control/x.cpp", "#include <boost/beast/http.hpp>\n", 1,
     "#include <boost/json.hpp>\n"),
    ("third_party", "src/admin/x.cpp", "#include <spdlog/spdlog.h>\n", 1, "#include <boost/beast.hpp>\n"),
    ("third_party", "src/control/state.cpp", "#include <yaml-cpp/yaml.h>\n", 1, "#include <string>\n"),
    ("third_party", "src/observe/events.cpp", "#include <prometheus/counter.h>\n", 1,
     "#include <string>\n"),
    ("no_throw", "src/proxy/x.cpp", "void f() {\n  throw 1;\n}\n", 2,
     '// never throw\nconst char* x = "throw";\n'),
    ("file_length", "src/base/x.cpp", "//\n" * 401, 401, "//\n" * 400),
    ("include_guard", "include/shunt/base/x.hpp", "int x;\n", 1, HEADER),
    ("include_guard", "src/base/x.hpp", HEADER + "#ifndef X_HPP\n#endif\n", 3, HEADER),
    ("whitespace", "src/base/x.cpp", "int x;\n\tint y;\n", 2, "int x;\n"),
    ("whitespace", "src/base/x.cpp", "int x; \n", 1, "int x;\n"),
    ("whitespace", "src/base/x.cpp", "int x;", 1, "int x;\n"),
    ("no_fences", "src/proxy/x.cpp", "std::atomic_thread_fence(o);\n", 1,
     "// no atomic_thread_fence here\n"),
    ("publication_orders", "include/shunt/proxy/publication.hpp",
     HEADER + "x = word.load(std::memory_order_relaxed);\n", 3,
     HEADER + "x = word.load(kPublicationOrders.word_read);  // memory_order_seq_cst\n"),
    ("publication_orders", "src/proxy/publication.cpp", "\nold = root_.exchange(next.get());\n", 2,
     "old = root_.exchange(next.get(), kPublicationOrders.exchange);\n"),
    ("publication_orders", "src/proxy/publication.cpp",
     "a = x.load(kPublicationOrders.read);\nb = y->load(kPublicationOrders.read);\n", 2,
     "a = x.load(kPublicationOrders.read);\nb = y->load(kPublicationOrders.other_read);\n"),
    ("no_sleeps", "tests/unit/base/x.cpp", "std::this_thread::sleep_for(d);\n", 1, "// no sleep_for\n"),
    ("no_sleeps", "tests/e2e/test_x.py", "time.sleep(1)\n", 1, "wait_for(lambda: ready)\n"),
    ("no_sleeps", "src/control/x.cpp", "usleep(5);\n", 1, "int sleeping;\n"),
    ("no_marks", "src/base/x.cpp", "// TODO: later\n", 1, "// the todo list\n"),
]

DOC_CASES = [
    ("links", "see\n[it](docs/missing.md)\n", 2, "see\n[it](docs/here.md) and [web](https://example.org)\n"),
    ("links", "[it](docs/here.md#nothing)\n", 1, "[it](docs/here.md#the-top)\n"),
    ("commands", "run `./dev fly`\n", 1, "run `./dev build`\n"),
    ("commands", "```sh\nshunt serve config/none.yaml\n```\n", 2, "```sh\nshunt serve config/a.yaml\n```\n"),
]


class Tree(tempfile.TemporaryDirectory):
    def write(self, path, text):
        full = os.path.join(self.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


class EachRule(unittest.TestCase):
    def test_finds_its_planted_violation_and_nothing_in_the_clean_twin(self):
        for rule, path, bad, line, good in CASES:
            with self.subTest(rule=rule, text=bad[:60]):
                tree = Tree()
                tree.write(path, bad)
                self.assertEqual([(f.rule, f.path, f.line) for f in rules.check(tree.name)],
                                 [(rule, path, line)])
                tree.write(path, good)
                self.assertEqual(rules.check(tree.name), [])
                tree.cleanup()

    def test_finds_its_planted_violation_in_documents(self):
        for rule, bad, line, good in DOC_CASES:
            with self.subTest(rule=rule, text=bad):
                tree = Tree()
                tree.write("dev", DEV)
                tree.write("docs/here.md", "# The top\n")
                tree.write("config/a.yaml", "a: 1\n")
                tree.write("README.md", bad)
                self.assertEqual([(f.rule, f.path, f.line) for f in docs.check(tree.name)],
                                 [(rule, "README.md", line)])
                tree.write("README.md", good)
                self.assertEqual(docs.check(tree.name), [])
                tree.cleanup()

    def test_is_planted_at_least_once(self):
        planted = {case[0] for case in CASES + DOC_CASES}
        self.assertEqual({rule.__name__ for rule in rules.RULES + docs.RULES} - planted, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
