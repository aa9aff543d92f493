"""What is checked: two views, and what their site has set that cannot be seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..target import Headers, NotTestable
from ..tls import TRUSTED, Tls

Field = tuple[str, str]
Anonymous = Literal["allowed", "refused"]

# As much as a check will send to go over a limit.
MOST_BYTES = 64 * 2**20
# As long as a check will wait for an upload to expire.
MOST_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The two views under test. What is None or empty the caller does not know or has not got.

    headers: sent with every request (a login, a CSRF token); other_headers: the same for a second
    user; anonymous_headers: for requests of nobody. anonymous: what the views do with those.
    max_bytes, fail_if_no_header, do_md5_check: the views' attributes. expire_seconds: life of an
    upload. has_user_field: whether the model knows owners. csrf: the site asks for the token that
    is in `headers`. use_tz: the site's setting. answers_nothing: the complete view answers `{}`.

    invalid_field: a form field with which both views' `validate` refuses; unsaved_field: with which
    storing a chunk's row fails; failing_fields: each makes `on_completion` raise in its own way.

    accept_repeats, strict_totals: the server has these options, and they are on. races: how often
    requests are sent at once. tls: how the server's certificate is judged.
    """

    upload_url: str
    complete_url: str
    field_name: str = "file"
    headers: Headers = ()
    other_headers: Headers | None = None
    anonymous_headers: Headers = ()
    anonymous: Anonymous | None = None
    max_bytes: int | None = None
    fail_if_no_header: bool = False
    do_md5_check: bool = True
    expire_seconds: float | None = None
    has_user_field: bool = True
    csrf: bool = False
    use_tz: bool | None = None
    answers_nothing: bool = True
    invalid_field: Field | None = None
    unsaved_field: Field | None = None
    failing_fields: tuple[Field, ...] = ()
    accept_repeats: bool = False
    strict_totals: bool = False
    races: int = 24
    timeout_seconds: float = 10.0
    tls: Tls = TRUSTED


def _expires_soon(target: Target) -> bool:
    return target.expire_seconds is not None and target.expire_seconds <= MOST_SECONDS


def _has_small_limit(target: Target) -> bool:
    return target.max_bytes is not None and 20 <= target.max_bytes <= MOST_BYTES


# What a check may need of the target, and what is said where it is not so.
NEEDS: dict[str, tuple[Callable[[Target], bool], str]] = {
    "second user": (
        lambda target: target.other_headers is not None,
        "no second user is known (--other-header)",
    ),
    "login": (
        lambda target: target.headers != target.anonymous_headers,
        "no login is known (--header)",
    ),
    "anonymous refused": (
        lambda target: target.anonymous == "refused",
        "the views are not known to refuse anonymous requests (--anonymous-is refused)",
    ),
    "anonymous allowed": (
        lambda target: target.anonymous == "allowed",
        "the views are not known to take anonymous requests (--anonymous-is allowed)",
    ),
    "limit": (
        _has_small_limit,
        f"no limit from 20 to {MOST_BYTES} bytes is known (--max-bytes)",
    ),
    "no limit": (
        lambda target: target.max_bytes is None,
        "the upload view has a limit",
    ),
    "expiry": (
        lambda target: target.expire_seconds is not None,
        "the life of an upload is not known (--expire-seconds)",
    ),
    "short expiry": (
        _expires_soon,
        f"the life of an upload is not known to be {MOST_SECONDS} s or less (--expire-seconds)",
    ),
    "header optional": (
        lambda target: not target.fail_if_no_header,
        "the upload view sets fail_if_no_header",
    ),
    "header asked for": (
        lambda target: target.fail_if_no_header,
        "the upload view is not known to set fail_if_no_header (--fail-if-no-header)",
    ),
    "md5": (
        lambda target: target.do_md5_check,
        "the complete view checks no md5",
    ),
    "no md5": (
        lambda target: not target.do_md5_check,
        "the complete view is not known to leave md5 out (--no-md5-check)",
    ),
    "owners": (
        lambda target: target.has_user_field,
        "the model has no user field",
    ),
    "no owners": (
        lambda target: not target.has_user_field,
        "the model is not known to have no user field (--no-user-field)",
    ),
    "csrf": (
        lambda target: target.csrf and any(_is_token(name) for name, _ in target.headers),
        "the site is not known to ask for a CSRF token that is in --header (--csrf)",
    ),
    "zone": (
        lambda target: target.use_tz is True,
        "the site is not known to use time zones (--use-tz)",
    ),
    "no zone": (
        lambda target: target.use_tz is False,
        "the site is not known to use no time zones (--no-use-tz)",
    ),
    "empty answer": (
        lambda target: target.answers_nothing,
        "the complete view answers data of its own",
    ),
    "invalid field": (
        lambda target: target.invalid_field is not None,
        "no form field is known with which `validate` refuses (--invalid-field)",
    ),
    "unsaved field": (
        lambda target: target.unsaved_field is not None,
        "no form field is known with which a chunk's row is not stored (--unsaved-field)",
    ),
    "failing field": (
        lambda target: bool(target.failing_fields),
        "no form field is known with which `on_completion` raises (--failing-field)",
    ),
    "repeats": (
        lambda target: target.accept_repeats,
        "the server is not known to take repeats (--accept-repeats)",
    ),
    "no repeats": (
        lambda target: not target.accept_repeats,
        "the server takes repeats",
    ),
    "strict totals": (
        lambda target: target.strict_totals,
        "the server is not known to judge totals (--strict-totals)",
    ),
    "loose totals": (
        lambda target: not target.strict_totals,
        "the server judges totals",
    ),
}


def require(target: Target, *needs: str) -> None:
    """Raises `NotTestable`, with the reason, for the first need that the target does not meet."""
    for need in needs:
        is_met, reason = NEEDS[need]
        if not is_met(target):
            raise NotTestable(reason)


def _is_token(name: str) -> bool:
    return name.lower() == "x-csrftoken"
