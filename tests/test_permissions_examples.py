"""The examples of docs/permissions.md do what the text around them says."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tests.api.test_tus import TUS, create, patch
from tests.support.examples import example, names
from tusbridge.models import Upload
from tusbridge.policy import HOOKS, Policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

VIDEO = {"HTTP_UPLOAD_METADATA": "filename YS5tcDQ="}


@pytest.fixture
def mysite(
    monkeypatch: pytest.MonkeyPatch, tusbridge_settings: Callable[..., None]
) -> Callable[[str, str], None]:
    """Make an example of the documentation the site's policy."""
    from tusbridge.policy import policy_class

    def name_policy(module: str, policy: str) -> None:
        policy_class.cache_clear()
        monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
        monkeypatch.setitem(sys.modules, f"mysite.{module}", example("permissions.md", module))
        tusbridge_settings(POLICY=f"mysite.{module}.{policy}", ALLOW_ANONYMOUS=False)

    return name_policy


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    from tusbridge.policy import policy_class

    yield
    policy_class.cache_clear()


def login(name: str, *, member: bool = True, **values: Any) -> Client:
    user = get_user_model().objects.create(username=name, **values)
    if member:
        user.user_permissions.add(Permission.objects.get(codename="add_upload"))
    client = Client()
    client.force_login(user)
    return client


def test_there_are_examples() -> None:
    policies = ["policy", "ninja_policy", "drf_policy", "allauth_policy", "recheck_policy"]
    assert names("permissions.md") == policies


def test_the_table_of_hooks_is_whole() -> None:
    from tests.test_docs import _rows

    rows = _rows("permissions.md")
    calls = [row[0].strip("`") for row in rows if row[0].endswith(")`")]
    documented = [call.partition("(")[0] for call in calls]
    assert documented == list(HOOKS)
    assert all(hasattr(Policy, hook) for hook in HOOKS)


def test_members_upload_videos(mysite: Any) -> None:
    mysite("policy", "MediaPolicy")
    one, stranger, staff = login("one"), login("two", member=False), login("s", is_staff=True)
    assert create(one).content == b"forbidden: only videos are taken\n"
    assert create(stranger, **VIDEO).content == b"forbidden: this is not allowed\n"
    url = create(one, **VIDEO)["Location"]
    assert staff.head(url, **TUS).status_code == 200
    assert stranger.head(url, **TUS).status_code == 404
    assert staff.delete(url, **TUS).status_code == 404
    assert patch(one, url, b"helloworld").status_code == 204
    assert one.delete(url, **TUS).status_code == 403


def test_members_have_a_quota(mysite: Any) -> None:
    mysite("policy", "MediaPolicy")
    one = login("one")
    assert [create(one, **VIDEO).status_code for _ in range(21)] == [201] * 20 + [429]


def test_bearer_tokens_of_the_sites_own(mysite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mysite("ninja_policy", "UploadPolicy")
    user = get_user_model().objects.create(username="one")

    class Token:
        """A row of the site's."""

        def __init__(self) -> None:
            self.user = user

    class Tokens:
        """The site's manager."""

        def select_related(self, name: str) -> "Tokens":
            return self

        def filter(self, key: str) -> Any:
            self.found = Token() if key == "right" else None
            return self

        def first(self) -> Any:
            return self.found

    models: Any = ModuleType("mysite.models")
    models.AccessToken = type("AccessToken", (), {"objects": Tokens()})
    monkeypatch.setitem(sys.modules, "mysite.models", models)
    assert create(Client(headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert create(Client(headers={"Authorization": "Bearer right"})).status_code == 201
    assert Upload.objects.get().user == user


def test_rest_frameworks_classes(mysite: Any) -> None:
    mysite("drf_policy", "UploadPolicy")
    one = login("one")
    assert create(one, HTTP_ORIGIN="http://testserver").status_code == 201
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.get())
    assert create(strict, HTTP_ORIGIN="http://testserver").status_code == 403
