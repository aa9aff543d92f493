"""Who may create, append to, read and terminate uploads. The only place that decides it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.module_loading import import_string

from tusbridge.conf import Options
from tusbridge.errors import Unauthenticated, UploadNotFound
from tusbridge.models import AbstractUpload
from tusbridge.protocol.rules import CreateRequest, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who makes a request; ``user_id`` None is nobody in particular."""

    user_id: Any = None


class Policy:
    """Logged-in users only, and each sees the own uploads only; others' are as unknown ones.

    With ``ALLOW_ANONYMOUS`` nobody in particular may upload too, and what nobody uploaded
    belongs to whoever knows its id. Subclass it and name the class in ``POLICY``.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def authenticate(self, request: HttpRequest) -> Actor:
        """Who makes this request.

        :raises Unauthenticated: nobody in particular, and that is not allowed.
        """
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return Actor(user_id=user.pk)
        return self.anonymous()

    def anonymous(self) -> Actor:
        """:raises Unauthenticated: unless ``ALLOW_ANONYMOUS`` says otherwise."""
        if not self.options.ALLOW_ANONYMOUS:
            raise Unauthenticated
        return Actor()

    def limits(self, actor: Actor) -> Limits:
        """What this actor may send."""
        return Limits(max_length=self.options.MAX_LENGTH)

    def check_create(self, actor: Actor, request: CreateRequest) -> None:
        """:raises Forbidden: the actor may not begin an upload."""

    def check_append(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the upload is not this actor's."""
        self.check_owner(actor, upload)

    def check_read(self, actor: Actor, upload: AbstractUpload) -> None:
        """Asked for the state and for the bytes.

        :raises UploadNotFound: the upload is not this actor's.
        """
        self.check_owner(actor, upload)

    def check_terminate(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the upload is not this actor's."""
        self.check_owner(actor, upload)

    def check_owner(self, actor: Actor, upload: AbstractUpload) -> None:
        """:raises UploadNotFound: the upload is not this actor's."""
        if upload.user_id != actor.user_id:
            raise UploadNotFound


def get_policy(options: Options) -> Policy:
    """The policy that the settings name."""
    policy: Policy = _policy_class(options.POLICY)(options)
    return policy


@lru_cache(maxsize=8)
def _policy_class(path: str) -> Any:
    return import_string(path)
