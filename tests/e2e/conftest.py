"""Makes the fixtures known to every file here, and what a test needs of the machine."""

import os
import shutil

import pytest

from fixtures import black_hole, daemon, origins, refusing  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "needs_tool(name): a program that ./dev deps test installs")


def pytest_runtest_setup(item):
    """Without the tool a test is skipped where a person works, and fails in CI, where nobody reads of skips."""
    for mark in item.iter_markers("needs_tool"):
        if shutil.which(mark.args[0]) is None:
            told = pytest.fail if os.environ.get("CI") else pytest.skip
            told(f"needs {mark.args[0]} (./dev deps test)")
