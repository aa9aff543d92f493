"""Row-level security by what a middleware sets on the connection."""

from tests.site.settings import *  # noqa: F403
from tests.site.settings import TUSBRIDGE

MIDDLEWARE = ["tests.contexts.site.middleware.rows_of"]
TUSBRIDGE = {**TUSBRIDGE, "POLICY": "tusbridge.policy.Policy"}
