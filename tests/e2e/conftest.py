"""Makes the fixtures known to every file here."""

from fixtures import daemon, origins  # noqa: F401
