"""At least 10,000 connections and 10 GB through shunt while it is switched all the time."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from test_bytes import transfer  # noqa: E402


def test_ten_thousand_connections_and_ten_gigabytes(daemon):
    result = transfer(daemon, 12_000, 620_000, parallel=24, seed=7, timeout=1700)
    assert result["connections"] >= 10_000 and result["bytes"] >= 10 * 10**9
    # In proportion to the bytes and not to a time: one for each 100 MB at least.
    assert result["switches"] >= 100
