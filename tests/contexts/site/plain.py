"""Context variables, and packages that keep the request in the thread. Two databases."""

from tests.site.settings import *  # noqa: F403
from tests.site.settings import DATABASES, INSTALLED_APPS, PLACE, TUSBRIDGE

INSTALLED_APPS = [*INSTALLED_APPS, "simple_history", "tests.contexts.site"]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "tests.contexts.site.middleware.here",
    "crum.CurrentRequestUserMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "tests.contexts.site.urls"
DATABASES["other"] = {**DATABASES["default"], "NAME": f"{PLACE}/other.sqlite3"}
DATABASE_ROUTERS = ["tests.contexts.site.middleware.Router"]
TUSBRIDGE = {
    **TUSBRIDGE,
    "POLICY": "tusbridge.policy.Policy",
    "REQUEST_SCOPES": ["crum.CurrentRequestUserMiddleware"],
}
