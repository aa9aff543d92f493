"""The same site in the days of 1.x: the package's table, and the site's, without migrations."""

from settings import *  # noqa: F403

MIGRATION_MODULES = {"chunked_upload": None, "films": None}
