"""Makes the fixtures known to every file here."""

from fixtures import black_hole, daemon, origins, refusing  # noqa: F401
