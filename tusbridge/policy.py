"""Who may create, append to, read and terminate uploads. The only place that decides it.

Sites override the hooks of :class:`Policy`: ``authenticate``, ``can_create``, ``can_append``,
``can_read``, ``can_terminate``, ``can_concatenate``, ``limits`` and ``quota``. Protocols call
``identify``, the service ``check_*``, which turn a hook's no into the right error.
"""

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import router
from django.http import HttpRequest
from django.utils.module_loading import import_string

from tusbridge import quotas
from tusbridge.afresh import afresh
from tusbridge.conf import Options
from tusbridge.errors import Forbidden, Unauthenticated, UploadNotFound
from tusbridge.models import AbstractUpload, get_upload_model, owner_key
from tusbridge.protocol.rules import FINAL, CreateRequest, Limits
from tusbridge.quotas import Quota
from tusbridge.rows import database_errors
from tusbridge.same_origin import check_anonymous_origin, check_same_origin, is_writing

logger = logging.getLogger("tusbridge")

# Schemes of Authorization that the server or proxy before the site checks, and none.
_SCHEMES_OF_PROXIES = frozenset({"", "basic", "digest", "negotiate", "ntlm"})

HOOKS = (
    "authenticate",
    "can_create",
    "can_append",
    "can_read",
    "can_terminate",
    "can_concatenate",
    "limits",
    "quota",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who makes a request; ``user_id`` None is nobody in particular.

    ``user`` is the user object where there is one, for hooks to look at.
    """

    user_id: Any = None
    user: Any = field(default=None, compare=False, repr=False)


class Policy:
    """Logged-in users only, and each sees the own uploads only; others' are as unknown ones.

    With ``ALLOW_ANONYMOUS`` nobody in particular may upload too, and what nobody uploaded
    belongs to whoever knows its id. Subclass it and name the class in ``POLICY``.

    A hook says True or False, or raises :class:`Forbidden` with a line of its own; Django's
    ``PermissionDenied`` is a no as well. It may ask
    the database: what fails there is told as the database's failure.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    # -- hooks

    def authenticate(self, request: HttpRequest) -> Actor:
        """Who makes this request: the user that Django's session middleware found.

        Browsers send a session's cookie along whoever wrote the page, so a request that changes
        something has to come from a page of this site, or of one that is trusted (R41).

        :raises Unauthenticated: nobody in particular, and that is not allowed.
        :raises Forbidden: the request comes from a page of somebody else's.
        """
        with user_database_errors():
            user = getattr(request, "user", None)
            is_known = user is not None and user.is_authenticated
        if not is_known:
            if self.brings_credentials(request):
                raise Unauthenticated
            return self.anonymous()
        check_same_origin(request, self.options.CORS_ORIGINS)
        return self.actor_of(user)

    def challenges(self, request: HttpRequest) -> tuple[str, ...]:
        """The schemes by which clients log in, as a 401 names them in WWW-Authenticate (RFC 9110,
        11.6.1). Override it together with ``authenticate``."""
        return ("Session",)

    def can_create(self, actor: Actor, request: CreateRequest) -> bool:
        """Whether the actor may begin this upload; asked before a byte is read."""
        return True

    def can_append(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the actor may add bytes to this upload."""
        return self.owns(actor, upload)

    def can_read(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the actor may see this upload's state, and download it once it is complete."""
        return self.owns(actor, upload)

    def can_terminate(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the actor may delete this upload."""
        return self.owns(actor, upload)

    def can_concatenate(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the actor may put this partial upload into a final one. That takes more than the
        right to read it: it ends the part's life early."""
        return self.owns(actor, upload) or self.can_append(actor, upload)

    def limits(self, actor: Actor) -> Limits:
        """What one upload of this actor may be: no more than the quota has in all."""
        maxima = (self.options.MAX_LENGTH, self.quota_of(actor).max_bytes)
        return Limits(max_length=min(length for length in maxima if length is not None))

    def quota(self, actor: Actor) -> Quota:
        """What all uploads of this actor together may be. Asked for an upload's owner too."""
        return Quota(
            max_open=self.options.USER_MAX_OPEN,
            max_bytes=self.options.USER_MAX_BYTES,
            creations_per_minute=self.options.USER_CREATIONS_PER_MINUTE,
        )

    # -- what hooks are made of

    def quota_of(self, actor: Actor) -> Quota:
        """What the hook :meth:`quota` says of the actor; no limits where it returns None.

        :raises Forbidden: the hook raised it, or Django's ``PermissionDenied``.
        """
        with _hook_errors():
            return self.quota(actor) or Quota()

    def anonymous(self) -> Actor:
        """:raises Unauthenticated: unless ``ALLOW_ANONYMOUS`` says otherwise."""
        if not self.options.ALLOW_ANONYMOUS:
            raise Unauthenticated
        return Actor()

    def actor_of(self, user: Any) -> Actor:
        """The actor that a user object stands for."""
        return Actor(user_id=user.pk, user=user)

    def owns(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the upload is this actor's own: an anonymous one is every anonymous actor's, one
        that has lost its owner is not."""
        if upload.user_id is None:
            return actor.user_id is None and upload.belongs_to_all
        if upload.user_id == actor.user_id:
            return True
        try:
            return bool(upload.user_id == owner_key(type(upload), actor.user_id))
        except ValueError:
            return False

    # whether a session's user may upload
    takes_sessions = True

    def brings_credentials(self, request: HttpRequest) -> bool:
        """Whether a request without a user has credentials, which then were not accepted. Its
        client meant to be a user, and must not make an anonymous upload.

        What proxies ask for (Basic, Digest, Negotiate) does not count here.
        """
        kind = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0].lower()
        return kind not in _SCHEMES_OF_PROXIES or self.has_ended_session(request)

    def has_ended_session(self, request: HttpRequest) -> bool:
        """Whether the cookie of a session came that has expired, has ended, or whose user may not
        log in any more, with a request that changes something. Sessions without a user are no
        credentials."""
        session: Any = getattr(request, "session", None)
        is_there = request.COOKIES.get(settings.SESSION_COOKIE_NAME) and session is not None
        if not (self.takes_sessions and is_there and is_writing(request)):
            return False
        with user_database_errors():
            names_user = SESSION_KEY in session
        # a cookie that is itself the session is begun anew where its signature is not valid
        is_anew = session.modified and not session.keys()
        return bool(names_user or not session.session_key or is_anew)

    # -- what the protocols call

    def identify(self, request: HttpRequest) -> Actor:
        """Who makes this request: what :meth:`authenticate` says, and what holds for all policies.

        :raises Unauthenticated: there is no user, and that is not allowed; or ``authenticate``
            gave what is not a user's key.
        :raises Forbidden: the request comes from a page of another site.
        """
        with _hook_errors():
            actor = self.authenticate(request)
        if actor.user_id is None:
            check_anonymous_origin(request, self.options.CORS_ORIGINS)
            return actor
        try:
            return replace(actor, user_id=owner_key(get_upload_model(), actor.user_id))
        except ValueError as error:
            logger.error("not-a-user", extra={"why": str(error)})
            raise Unauthenticated from error

    def recheck(self, request: HttpRequest, actor: Actor) -> Actor:
        """Who makes a request that has been running for a while, asked about twice a minute while
        it appends. Override it where asking costs much, or where what came with a request holds to
        its end.

        :raises Unauthenticated: the session has ended, the user was deleted or locked out, the
            token was revoked.
        """
        return self.identify(afresh(request))

    def check_going_on(self, request: HttpRequest, actor: Actor, upload: AbstractUpload) -> None:
        """Whether a request that is appending may go on.

        :raises Unauthenticated: see :meth:`recheck`.
        :raises UploadNotFound: the upload is not the actor's any more.
        :raises Forbidden: it is, and the actor may not add to it any more.
        """
        self._check(self.can_append, self.recheck(request, actor), upload)

    # -- what the service calls

    def check_create(self, actor: Actor, request: CreateRequest) -> None:
        """:raises Forbidden: the actor may not begin this upload.
        :raises QuotaExceeded: its bytes are too many beside the others'.
        :raises TooManyUploads: too many are unfinished.
        :raises TooManyCreations: too many were begun within a minute.
        :raises StoreFull: all uploads together are as many bytes as ``MAX_TOTAL_BYTES``.
        """
        with _hook_errors():
            is_allowed = self.can_create(actor, request)
        if not is_allowed:
            raise Forbidden
        quotas.check_create(
            actor.user_id,
            self.quota_of(actor),
            length=request.length,
            max_total_bytes=self.options.MAX_TOTAL_BYTES,
            is_final=request.concat == FINAL,
        )

    def check_append(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the upload is somebody else's.
        :raises Forbidden: it is the actor's, who may not add to it.
        :raises QuotaExceeded: it has no length yet, and its owner no bytes left.
        :raises StoreFull: likewise, for all uploads together.
        """
        self._check(self.can_append, actor, upload)
        if upload.length is None:
            self.check_growth(upload)

    def check_growth(self, upload: AbstractUpload) -> None:
        """Whether an upload of a length that is not known may become longer.

        :raises QuotaExceeded: its owner has no bytes left.
        :raises StoreFull: likewise, for all uploads together.
        """
        quotas.check_growth(
            upload.user_id,
            self.quota_of(Actor(user_id=upload.user_id)),
            max_total_bytes=self.options.MAX_TOTAL_BYTES,
        )

    def check_read(self, actor: Actor, upload: AbstractUpload) -> None:
        """Asked for the state and for the bytes.

        :raises UploadNotFound: the upload is somebody else's.
        :raises Forbidden: it is the actor's, who may not read it.
        """
        self._check(self.can_read, actor, upload)

    def check_terminate(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the upload is somebody else's.
        :raises Forbidden: it is the actor's, who may not delete it.
        """
        self._check(self.can_terminate, actor, upload)

    def check_concatenate(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the partial upload is another user's.
        :raises Forbidden: it is the actor's, who may not put it into a final one.
        """
        self._check(self.can_concatenate, actor, upload)

    def _check(
        self, may: Callable[[Actor, AbstractUpload], bool], actor: Actor, upload: AbstractUpload
    ) -> None:
        """Only an owner is told that an upload exists, and why not."""
        refusal = Forbidden()
        try:
            with _hook_errors():
                if may(actor, upload):
                    return
        except Forbidden as error:
            refusal = error
        raise refusal if self.owns(actor, upload) else UploadNotFound


@contextmanager
def user_database_errors() -> Iterator[None]:
    """What is told when users, sessions or tokens cannot be looked up: clients that hear of a
    mistake or of a missing login would give the upload up.

    :raises DatabaseUnavailable: the database is away or locked.
    """
    with database_errors(router.db_for_read(get_user_model()) or "default"):
        yield


@contextmanager
def _hook_errors() -> Iterator[None]:
    """What sites' hooks may raise, as our errors.

    :raises Forbidden: Django's ``PermissionDenied``.
    :raises DatabaseUnavailable: the database is away or locked.
    """
    try:
        with user_database_errors():
            yield
    except PermissionDenied as error:
        raise Forbidden from error


def get_policy(options: Options) -> Policy:
    """The policy that the settings name.

    :raises ImproperlyConfigured: it is none, or cannot be imported.
    """
    return policy_class(options.POLICY)(options)


@lru_cache(maxsize=8)
def policy_class(path: str) -> type[Policy]:
    """The class behind a dotted path.

    :raises ImproperlyConfigured: it cannot be imported, is no Policy, or has asynchronous hooks.
    """
    where = f"TUSBRIDGE['POLICY'] = {path!r}"
    try:
        found = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"{where} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise ImproperlyConfigured(f"{where} has to be a subclass of tusbridge.policy.Policy")
    for name in HOOKS:
        # what a coroutine function returns is true, whatever it would have said
        if inspect.iscoroutinefunction(getattr(found, name)):
            raise ImproperlyConfigured(f"{where}: {name} is asynchronous, and must not be")
    return found
