"""Which checks of ``conformance.legacy`` run at which views of the site, and with which facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.legacy.checks import ALL
from conformance.legacy.registry import Check
from conformance.legacy.target import NEEDS, Target
from conformance.runner import Outcome, Result, run_checks
from tests.legacy.site.limits import MAX_BYTES
from tests.legacy.sites import running_site

_TOKEN = "a" * 32
NOBODY = (("Cookie", f"csrftoken={_TOKEN}"), ("X-CSRFToken", _TOKEN))
ONE = (*NOBODY, ("X-Test-User", "one"))
TWO = (*NOBODY, ("X-Test-User", "two"))
EXPIRE_SECONDS = 3
DAY_SECONDS = 86_400
_RACED = {"default", "nobody"}
# Checks that mostly wait.
JOBS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mount:
    """One pair of views. ``facts`` are fields of its `Target`; ``about`` are the needs that it is
    for: only checks with one of them run there, without any every check that can. Races are run at
    the ``default`` views and in the hands of ``nobody``; the others differ in nothing that matters
    there. ``environ``: the site's own, for what cannot be two things in one site.
    """

    name: str
    views: str
    facts: dict[str, Any] = field(default_factory=dict)
    about: frozenset[str] = frozenset()
    environ: tuple[tuple[str, str], ...] = ()

    def target(self, site: str) -> Target:
        facts = {
            "headers": ONE,
            "other_headers": TWO,
            "anonymous_headers": NOBODY,
            "anonymous": "refused",
            "csrf": True,
            "use_tz": True,
            "expire_seconds": DAY_SECONDS,
            **self.facts,
        }
        pair = {f"{name}_url": f"{site}/{self.views}/{name}/" for name in ("upload", "complete")}
        return Target(**pair, **facts)

    def checks(self) -> list[Check]:
        target = self.target("")
        return [check for check in ALL if self._is_for(check) and _is_met(target, check)]

    def _is_for(self, check: Check) -> bool:
        if not self.about:
            return self.name in _RACED or not check.id.endswith("-at-once")
        return bool(self.about & set(check.needs))


def _is_met(target: Target, check: Check) -> bool:
    return all(NEEDS[need][0](target) for need in check.needs)


def _mount(views: str, *about: str, name: str = "", environ: Any = (), **facts: Any) -> Mount:
    return Mount(
        name=name or views, views=views, facts=facts, about=frozenset(about), environ=environ
    )


_OPEN = {"anonymous": "allowed"}
MOUNTS = (
    _mount("default"),
    # in the hands of nobody, from the first chunk to the last
    _mount("open", name="nobody", headers=NOBODY, **_OPEN),
    _mount("open", "anonymous allowed", **_OPEN),
    _mount("returning", "anonymous allowed", **_OPEN),
    _mount("without-user", headers=NOBODY, other_headers=None, **_OPEN),
    _mount("other-name", field_name="the_file"),
    _mount("limited", "limit", max_bytes=MAX_BYTES),
    _mount("strict", "header asked for", max_bytes=MAX_BYTES, fail_if_no_header=True),
    _mount("unchecked", "no md5", do_md5_check=False),
    _mount("nobodys", has_user_field=False),
    _mount("repeats", accept_repeats=True),
    _mount("strict-totals", "strict totals", strict_totals=True),
    _mount(
        "failing",
        "invalid field",
        "unsaved field",
        "failing field",
        invalid_field=("fail", "validate"),
        unsaved_field=("fail", "save"),
        failing_fields=(("fail", "refuse"), ("fail", "crash")),
    ),
    _mount(
        "default",
        "short expiry",
        name="expiring",
        expire_seconds=EXPIRE_SECONDS,
        environ=(("SITE_EXPIRE_SECONDS", str(EXPIRE_SECONDS)),),
    ),
    _mount(
        "default",
        "no zone",
        name="without-zones",
        use_tz=False,
        environ=(("SITE_USE_TZ", "0"),),
    ),
)
CASES = [(mount, check) for mount in MOUNTS for check in mount.checks()]
# What differs in nothing that a database sees: the name of a form field, and requests of no user.
_ALIKE = {"other-name", "without-user"}
# The mounts that are tried once more on each database.
ON_DATABASES = tuple(mount for mount in MOUNTS if mount.name not in _ALIKE)

Results = dict[tuple[str, str], Result]


def results_of(
    place: Path,
    look: Callable[[Any], None] = lambda server: None,
    mounts: tuple[Mount, ...] = MOUNTS,
    **site: Any,
) -> Results:
    """Results by the mount's name and the check's id, over one running site for each environment;
    ``look`` sees each server when its checks have run.
    """
    found: Results = {}
    for environ in dict.fromkeys(mount.environ for mount in mounts):
        folder = place / ("-".join(value for _, value in environ) or "plain")
        with running_site(folder, **site, **dict(environ)) as server:
            for mount in mounts:
                if mount.environ == environ:
                    found |= _run(mount, server.url.removesuffix("/default/upload/"))
            look(server)
    return found


def _run(mount: Mount, site: str) -> Results:
    results = run_checks(mount.checks(), mount.target(site), JOBS)
    return {(mount.name, result.check.id): result for result in results}


def explain(result: Result) -> str:
    return f"{result.outcome}: {result.detail}"


def is_pass(result: Result) -> bool:
    return result.outcome is Outcome.PASS
