"""Who may is asked before a form's body is waited for, and whose body it is, is counted."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory

from legacy.views import ChunkedUploadView
from tests.legacy.form_client import BOUNDARY
from tusbridge.body import Body
from tusbridge.errors import TooManyRequests


class Unwanted(Body):
    """A body that nothing is to read."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[str] = []

    def batches(self) -> Iterator[Sequence[bytes]]:
        raise AssertionError("the body was waited for")

    def claim(self, user: str) -> None:
        self.claimed.append(user)
        raise TooManyRequests


def post(user: Any) -> tuple[Any, Unwanted]:
    """A form whose CSRF token is behind its head, as far as a middleware has got with it."""
    request: Any = RequestFactory().post(
        "/upload/", b"", content_type=f"multipart/form-data; boundary={BOUNDARY}"
    )
    request.user = user
    request.tusbridge_body = body = Unwanted()
    request.tusbridge_csrf = CsrfViewMiddleware(lambda request: None)  # type: ignore[arg-type]
    return ChunkedUploadView.as_view()(request), body


def test_r54_a_form_of_a_client_that_may_not_is_not_waited_for() -> None:
    response, body = post(AnonymousUser())
    assert response.status_code == 403
    assert not body.claimed


@pytest.mark.parametrize("pk", [7, "mary"])
def test_r54_a_users_forms_are_counted_before_they_are_waited_for(pk: object) -> None:
    response, body = post(SimpleNamespace(is_authenticated=True, pk=pk))
    assert (response.status_code, body.claimed) == (429, [str(pk)])
    assert 2 <= int(response["Retry-After"]) <= 10
