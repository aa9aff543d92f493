"""A user's browser at the site: its pages' scripts, and a tus client with the same session."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

SECONDS = 60
TUS = {"Tus-Resumable": "1.0.0"}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


class Visitor:
    """Logged in, as the login page does it."""

    def __init__(self, base: str, name: str) -> None:
        self.base = base
        self.session = requests.Session()
        login = f"{base}/login/"
        self.session.get(login, timeout=SECONDS)
        form = {"username": name, "password": name, "csrfmiddlewaretoken": self.token}
        answer = self.session.post(login, form, timeout=SECONDS, allow_redirects=False)
        assert answer.status_code == 302, answer.text

    @property
    def token(self) -> str:
        return str(self.session.cookies["csrftoken"])

    def chunk(
        self, content: bytes, start: int, total: int, *, at: str = "/upload/", **fields: str
    ) -> requests.Response:
        """One chunk as jQuery-File-Upload sends it."""
        return self.session.post(
            self.base + at,
            data={"csrfmiddlewaretoken": self.token, **fields},
            files={"the_file": (fields.get("title", "file") + ".bin", content)},
            headers={"Content-Range": f"bytes {start}-{start + len(content) - 1}/{total}"},
            timeout=SECONDS,
        )

    def complete(
        self, upload_id: str, content: bytes, *, at: str = "/complete/"
    ) -> requests.Response:
        """The POST with the md5."""
        form = {"csrfmiddlewaretoken": self.token, "upload_id": upload_id, "md5": md5(content)}
        return self.session.post(self.base + at, form, timeout=SECONDS)

    def read(self, upload_id: str) -> requests.Response:
        """A complete upload's bytes, by the site's own page."""
        return self.session.get(f"{self.base}/read/{upload_id}/", timeout=SECONDS)

    def head(self, upload_id: str) -> requests.Response:
        """What tus says of an upload."""
        return self.session.head(f"{self.base}/files/{upload_id}", headers=TUS, timeout=SECONDS)

    def patch(
        self, upload_id: str, content: bytes, offset: int, **fields: str
    ) -> requests.Response:
        """Bytes by tus."""
        headers = {
            **TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        url = f"{self.base}/files/{upload_id}"
        return self.session.patch(url, content, headers=headers, timeout=SECONDS)


@contextmanager
def visitors(base: str, *names: str) -> Iterator[dict[str, Any]]:
    """Visitors by name, who leave in the end."""
    found = {name: Visitor(base, name) for name in names}
    try:
        yield found
    finally:
        for visitor in found.values():
            visitor.session.close()
