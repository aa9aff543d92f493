"""Who may create, append to, read and terminate uploads. The only place that decides it.

Sites override the hooks of :class:`Policy`: ``authenticate``, ``can_create``, ``can_append``,
``can_read``, ``can_terminate``, ``limits`` and ``quota``. The service calls ``check_*``, which
turn a hook's no into the right error.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.http import HttpRequest
from django.utils.module_loading import import_string

from tusbridge import quotas
from tusbridge.conf import Options
from tusbridge.errors import Forbidden, Unauthenticated, UploadNotFound
from tusbridge.models import AbstractUpload
from tusbridge.protocol.rules import FINAL, CreateRequest, Limits
from tusbridge.quotas import Quota
from tusbridge.rows import database_errors
from tusbridge.same_origin import check_same_origin

HOOKS = (
    "authenticate",
    "can_create",
    "can_append",
    "can_read",
    "can_terminate",
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

    A hook says True or False, or raises :class:`Forbidden` with a line of its own. It may ask
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
            return self.anonymous()
        check_same_origin(request, self.options.CORS_ORIGINS)
        return self.actor_of(user)

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

    def limits(self, actor: Actor) -> Limits:
        """What one upload of this actor may be: no more than the quota has in all."""
        maxima = (self.options.MAX_LENGTH, self.quota(actor).max_bytes)
        return Limits(max_length=min(length for length in maxima if length is not None))

    def quota(self, actor: Actor) -> Quota:
        """What all uploads of this actor together may be. Asked for an upload's owner too."""
        return Quota(
            max_open=self.options.USER_MAX_OPEN,
            max_bytes=self.options.USER_MAX_BYTES,
            creations_per_minute=self.options.USER_CREATIONS_PER_MINUTE,
        )

    # -- what hooks are made of

    def anonymous(self) -> Actor:
        """:raises Unauthenticated: unless ``ALLOW_ANONYMOUS`` says otherwise."""
        if not self.options.ALLOW_ANONYMOUS:
            raise Unauthenticated
        return Actor()

    def actor_of(self, user: Any) -> Actor:
        """The actor that a user object stands for."""
        return Actor(user_id=user.pk, user=user)

    def owns(self, actor: Actor, upload: AbstractUpload) -> bool:
        """Whether the upload is this actor's own."""
        return bool(upload.user_id == actor.user_id)

    # -- what the service calls

    def check_create(self, actor: Actor, request: CreateRequest) -> None:
        """:raises Forbidden: the actor may not begin this upload.
        :raises QuotaExceeded: its bytes are too many beside the others'.
        :raises TooManyUploads: too many are unfinished.
        :raises TooManyCreations: too many were begun within a minute.
        :raises StoreFull: all uploads together are as many bytes as ``MAX_TOTAL_BYTES``.
        """
        with user_database_errors():
            is_allowed = self.can_create(actor, request)
        if not is_allowed:
            raise Forbidden
        quotas.check_create(
            actor.user_id,
            self.quota(actor),
            # the bytes of a final upload were judged as those of its parts
            length=0 if request.concat == FINAL else request.length or 0,
            max_total_bytes=self.options.MAX_TOTAL_BYTES,
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
            self.quota(Actor(user_id=upload.user_id)),
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

    def _check(
        self, may: Callable[[Actor, AbstractUpload], bool], actor: Actor, upload: AbstractUpload
    ) -> None:
        """Only an owner is told that an upload exists, and why not."""
        refusal = Forbidden()
        try:
            with user_database_errors():
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
