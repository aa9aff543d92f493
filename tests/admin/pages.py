"""Who looks at the admin's pages, and what they are to a browser."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tusbridge.models import AbstractUpload

LIST = "/admin/tusbridge/upload/"
# U+202E turns what follows around: "fdp.exe" seems to end in "pdf"; the rest breaks out of HTML.
HOSTILE = "x\u202e\u2066gpj.<script>alert(1)</script>\"'&amp;\nSecond: line\x1b[2J"


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._stack: list[str] = []
        assert response.status_code == 200, response
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" not in self._stack:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def make_user(*permissions: str, name: str = "staff") -> Any:
    user = get_user_model().objects.create_user(name, password="secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root(db: None) -> Client:
    return client_of(get_user_model().objects.create_superuser("root"))


@pytest.fixture
def viewer(db: None) -> Client:
    return client_of(make_user("view_upload"))


def act(client: Client, action: str, *uploads: AbstractUpload, **more: str) -> Any:
    data = {"action": action, "_selected_action": [upload.pk for upload in uploads], **more}
    return client.post(LIST, data, follow=True)


def detail(upload: AbstractUpload) -> str:
    return f"{LIST}{upload.pk}/change/"


def download_url(upload: AbstractUpload) -> str:
    return f"{LIST}{upload.pk}/download/"
