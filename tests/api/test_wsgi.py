"""What plain WSGI needs besides: ``100 Continue`` that is held back."""

from typing import Any

from tusbridge.wsgi import _held


class GoneSocket:
    """gunicorn's, after the client has left."""

    def sendall(self, data: bytes) -> None:
        raise ConnectionResetError


def test_r21_a_client_that_left_before_its_100_continue_is_no_mistake_of_ours() -> None:
    """The body is read next, and that it ends at once is what counts."""
    environ: dict[str, Any] = {"gunicorn.socket": GoneSocket(), "HTTP_TUSBRIDGE HELD": "1"}
    go_on = _held(environ)
    assert go_on is not None
    go_on()
