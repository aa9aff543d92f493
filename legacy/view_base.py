"""What both views have in common: hooks, who may, whose uploads, and how errors are answered."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.generic import View

from legacy import csrf, exchange
from legacy import protocol as contract
from legacy.exceptions import ChunkedUploadError
from legacy.models import AbstractChunkedUpload
from legacy.response import Response
from tusbridge.afresh import afresh
from tusbridge.api.frame import never_atomic, note_way
from tusbridge.api.requests import end_body
from tusbridge.carrying import serving
from tusbridge.errors import DatabaseUnavailable, UploadError, UploadNotFound
from tusbridge.models import AbstractUpload, Status, get_upload_model

logger = logging.getLogger("tusbridge")

# Views of which it was said that they return what they should raise.
_told: set[type] = set()


def is_authenticated(user: Any) -> bool:
    """Whether somebody is logged in."""
    return bool(user.is_authenticated)


def refuse(status: int, detail: str, **data: Any) -> ChunkedUploadError:
    """An error to raise."""
    return ChunkedUploadError(status=status, detail=detail, **data)


def too_large(limit: int) -> ChunkedUploadError:
    """An error to raise, with the limit in bytes."""
    return refuse(400, f"Size of file exceeds the limit ({limit} bytes)")


class ModelOfSite:
    """The upload model, looked up when it is asked for."""

    def __get__(self, instance: object, owner: type) -> type[AbstractUpload]:
        return get_upload_model()


class ChunkedUploadBaseView(View):
    """What both views have in common."""

    model: Any = ModelOfSite()
    user_field_name = "user"
    # answer a request that is sent again after a lost answer as it was answered before
    accept_repeats = False

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """As Django's; no transaction is held while bytes come, and the view reads the form."""
        view: Any = super().as_view(*args, **initkwargs)
        never_atomic(view)
        view.tusbridge_reads_body = True
        return view  # type: ignore[no-any-return]

    # -- hooks

    def check_permissions(self, request: HttpRequest) -> Any:
        """Whether this request may upload; only what it raises counts.

        :raises ChunkedUploadError: it may not.
        """
        if hasattr(request, "user") and not is_authenticated(request.user):
            raise refuse(403, contract.NO_CREDENTIALS)

    def get_queryset(self, request: HttpRequest) -> Any:
        """The uploads that the request may go on with: the own; all, if nobody is logged in."""
        uploads = self.model.objects.exclude(status=Status.TERMINATED)
        owner = self._owner(request)
        return uploads.filter(**owner) if owner else uploads

    def validate(self, request: HttpRequest) -> None:
        """Further checks.

        :raises ChunkedUploadError: one fails.
        """

    def pre_save(self, chunked_upload: Any, request: HttpRequest, new: bool = False) -> None:
        """Before what the request changes is stored."""

    def save(self, chunked_upload: Any, request: HttpRequest, new: bool = False) -> None:
        """Store it."""
        if isinstance(chunked_upload, AbstractChunkedUpload):
            chunked_upload.save()

    def post_save(self, chunked_upload: Any, request: HttpRequest, new: bool = False) -> None:
        """After it was stored."""

    def get_response_data(self, chunked_upload: Any, request: HttpRequest) -> Mapping[str, Any]:
        """What a request that succeeds is answered with."""
        return {}

    def is_valid_chunked_upload(self, chunked_upload: Any) -> None:
        """Whether the upload is in a state for this request.

        :raises ChunkedUploadError: it is not.
        """

    def _save(self, chunked_upload: Any) -> None:
        new = chunked_upload._state.adding
        with self._as_sites_catch():
            self.pre_save(chunked_upload, self.request, new=new)
            self.save(chunked_upload, self.request, new=new)
            self.post_save(chunked_upload, self.request, new=new)

    def _post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The algorithm, which a site's own ``post`` may call.

        :raises Http404: there is no such upload, or it is not the user's.
        :raises ChunkedUploadError: anything else.
        """
        with self._as_sites_catch():
            return self._run(request)

    def _run(self, request: HttpRequest) -> HttpResponseBase:
        raise NotImplementedError

    @contextmanager
    def _as_sites_catch(self) -> Iterator[None]:
        """Errors leave as those of the contract.

        :raises Http404: for UploadNotFound.
        :raises ChunkedUploadError: for any other UploadError.
        """
        try:
            yield
        except UploadError as error:
            raise as_sites_catch(self._as_told(error)) from error

    # -- what they are made of

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Permissions, then the algorithm; errors become answers here. Permissions come before the
        check against forged forms where that has to read the form: no body is waited for that is
        sent by a client which may not."""
        note_way(request)
        with serving(request):
            try:
                return self._answer(request, *args, **kwargs)
            finally:
                end_body(request, is_form=True)

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self._permit(request)
            self._claim(request)
            return self._post(request, *args, **kwargs)
        except csrf.CsrfRefused as error:
            return error.response
        except ChunkedUploadError as error:
            return response_to(error)
        except NotFound as error:
            return self._error_response(error.cause)
        except UploadError as error:
            return self._error_response(self._as_told(error))
        except (OperationalError, InterfaceError):
            # away or locked (R12); or a mistake in a statement of the site's, which the log shows
            logger.exception("database-unavailable")
            return self._error_response(DatabaseUnavailable())

    def _as_told(self, error: UploadError) -> UploadError:
        """The error that the client is told of."""
        return error

    def _error_response(self, error: UploadError) -> HttpResponseBase:
        return error_response(error)

    def _permit(self, request: HttpRequest) -> None:
        if self.check_permissions(request) is not None and type(self) not in _told:
            # sites mean a refusal by it, and protect nothing
            _told.add(type(self))
            logger.warning(
                "permission-returned",
                extra={
                    "why": f"{type(self).__qualname__}.check_permissions has to raise to refuse"
                },
            )

    def _check_going_on(self, request: HttpRequest) -> None:
        """Whether a request that has been running for a while may go on."""
        self.check_permissions(afresh(request))

    def _claim(self, request: HttpRequest) -> None:
        """Say whose body is about to be waited for, where a server counts.

        :raises TooManyRequests: the user has as many under way as one may.
        """
        body = getattr(request, "tusbridge_body", None)
        if body is not None:
            for user in self._owner(request).values():
                # without a login it is the address alone that counts
                if user is not None:
                    body.claim(str(getattr(user, "pk", user)))

    def _owner(self, request: HttpRequest) -> dict[str, Any]:
        """Whose the request's uploads are, by the model's field; empty for nobody's."""
        is_known = hasattr(self.model, self.user_field_name) and hasattr(request, "user")
        is_known = is_known and getattr(self.model, self.user_field_name) is not None
        return (
            {self.user_field_name: request.user}
            if is_known and is_authenticated(request.user)
            else {}
        )

    def _find(self, request: HttpRequest, upload_id: str) -> Any:
        """:raises UploadNotFound: no such upload, or somebody else's."""
        if not exchange.may_exist(upload_id):
            raise UploadNotFound
        found = self.get_queryset(request).filter(upload_id=upload_id).first()
        if found is None or found.status == Status.TERMINATED:
            raise UploadNotFound
        return found


class NotFound(Http404):
    """Django's 404, for the contract's JSON where the view answers itself."""

    def __init__(self, cause: UploadNotFound) -> None:
        super().__init__(str(cause))
        self.cause = cause


def as_sites_catch(error: UploadError) -> Exception:
    """The error that a site's own ``post`` gets for one of ours."""
    if isinstance(error, UploadNotFound):
        return NotFound(error)
    status, data = contract.render_error(error)
    refusal = refuse(status, **data)
    refusal.retry_after_seconds = getattr(error, "retry_after_seconds", None)
    return refusal


def error_response(error: UploadError) -> HttpResponseBase:
    """The contract's answer to an error."""
    found = as_sites_catch(error)
    if isinstance(found, ChunkedUploadError):
        return response_to(found)
    status, data = contract.render_error(error)
    return Response(data, status=status)


def response_to(error: ChunkedUploadError) -> HttpResponseBase:
    """The contract's answer to a refusal."""
    response = Response(error.data, status=error.status_code)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response
