"""What is wrong with a site's settings: ``manage.py check --tag tusbridge``.

Each check is right about what it says, or says nothing: what cannot be told from the settings,
such as a proxy that buffers, is for the documentation. No check asks the database, or changes
anything; ``check --deploy`` tries the disk with files that it removes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured

from tusbridge.checks import access, database, disks, files, scopes, web
from tusbridge.checks.catalogue import INVALID_SETTINGS, all_findings
from tusbridge.conf import Options, get_options

__all__ = ["all_findings", "register_checks"]

TAG = "tusbridge"

Check = Callable[[Options], Iterable[CheckMessage]]

_CHECKS: tuple[Check, ...] = (
    access.check_policy,
    access.check_users,
    access.check_origins,
    files.check_storage,
    files.check_upload_to,
    disks.check_system,
    database.check_model,
    database.check_database,
    scopes.check_scopes,
    scopes.check_thread_bound,
    web.check_expiry,
    web.check_mount,
    web.check_middleware,
    web.check_body_readers,
    web.check_servers,
)
# Those that only matter where others can reach the site: ``check --deploy``.
_DEPLOY_CHECKS: tuple[Check, ...] = (
    access.check_anonymous,
    access.check_location,
    disks.check_disk,
)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Whether the settings can be read at all; without that, no other check says anything."""
    try:
        get_options()
    except ImproperlyConfigured as error:
        return [INVALID_SETTINGS(why=error)]
    return []


def register_checks() -> None:
    """Make the checks known to Django; once in a process."""
    register(check_settings, TAG)
    for check in _CHECKS:
        register(_with_options(check), TAG)
    for check in _DEPLOY_CHECKS:
        register(_with_options(check), TAG, Tags.security, deploy=True)


def _with_options(check: Check) -> Callable[..., list[CheckMessage]]:
    def run(**_: Any) -> list[CheckMessage]:
        try:
            options = get_options()
        except ImproperlyConfigured:
            return []
        return list(check(options))

    run.__name__ = check.__name__
    return run
