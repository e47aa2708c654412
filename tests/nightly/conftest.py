"""The end-to-end fixtures serve here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from fixtures import daemon, origins  # noqa: E402,F401
