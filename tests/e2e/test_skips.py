"""A test that is left out for want of a tool is told of, and is a failure in CI."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEEDS_STRACE = "test_every_system_call_of_a_days_work_passes_the_units_filter"


def without_tools(tmp_path, **env):
    """Runs one test where no tool is on PATH."""
    env = {name: value for name, value in os.environ.items() if name != "CI"} | {"PATH": str(tmp_path)} | env
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
                           f"{HERE / 'test_systemd.py'}::{NEEDS_STRACE}"],
                          env=env, capture_output=True, text=True, check=False)


def test_a_missing_tool_skips_a_test_and_is_named(tmp_path):
    ran = without_tools(tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^SKIPPED .*needs strace", ran.stdout, re.MULTILINE), ran.stdout


def test_a_missing_tool_is_a_failure_in_ci(tmp_path):
    ran = without_tools(tmp_path, CI="1")
    assert ran.returncode == 1 and "needs strace" in ran.stdout, ran.stdout


@pytest.mark.parametrize("tool", sorted({tool for file in HERE.glob("*.py") for tool in
                                         re.findall(r'needs_tool\("(\w+)"\)', file.read_text())}))
def test_every_tool_that_a_test_needs_is_installed_by_dev(tool):
    packages = re.search(r"^packages_test=\((.*?)\)", (HERE.parents[1] / "dev").read_text(), re.MULTILINE | re.DOTALL)
    assert tool in packages.group(1).split()
