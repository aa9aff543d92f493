"""The hooks that a site overrides: what they are asked, and what their answers become."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client

from tests.api.test_tus import TUS, create, every_verb, patch
from tests.support.servers import ROOT
from tusbridge.conf import Options
from tusbridge.errors import Forbidden, Unauthenticated, UploadNotFound
from tusbridge.models import Upload
from tusbridge.policy import Actor, Policy, get_policy
from tusbridge.protocol.rules import CreateRequest, Limits
from tusbridge.service import UploadService

OPTIONS = Options()
WANTED = CreateRequest(
    length=10, metadata="", filename="a.mp4", content_type="", has_body=False, content_length=0
)
MINE = Upload(user_id=1, length=10)
NOBODYS = Upload(user_id=None, length=10)
ME = Actor(user_id=1)
CHECKS = ("append", "read", "terminate")


class Refusing(Policy):
    """Says no to everything."""

    def can_create(self, actor: Actor, request: CreateRequest) -> bool:
        return False

    def can_append(self, actor: Actor, upload: Any) -> bool:
        return False

    can_read = can_terminate = can_append


class Explaining(Policy):
    """Says why not."""

    def can_create(self, actor: Actor, request: CreateRequest) -> bool:
        raise Forbidden(f"no {request.filename} today")

    def can_append(self, actor: Actor, upload: Any) -> bool:
        raise Forbidden("the month is closed")

    can_read = can_terminate = can_append


class Team(Policy):
    """Everybody may read, the first user may do everything."""

    def can_read(self, actor: Actor, upload: Any) -> bool:
        return True

    def can_append(self, actor: Actor, upload: Any) -> bool:
        return actor.user.username == "first" or self.owns(actor, upload)


def check(policy: type[Policy], name: str, actor: Actor, upload: Upload) -> None:
    getattr(policy(OPTIONS), f"check_{name}")(actor, upload)


class TestAnswers:
    @pytest.mark.parametrize("name", CHECKS)
    def test_a_yes_lets_pass(self, name: str) -> None:
        check(Policy, name, ME, MINE)
        check(Policy, name, Actor(), NOBODYS)

    @pytest.mark.parametrize("name", CHECKS)
    @pytest.mark.parametrize("policy", [Policy, Refusing, Explaining])
    @pytest.mark.parametrize(
        ("actor", "upload"),
        [(Actor(user_id=2), MINE), (Actor(), MINE), (ME, NOBODYS)],
        ids=["another", "nobody", "nobodys"],
    )
    def test_R40_what_is_anothers_is_not_there(  # noqa: N802
        self, policy: type[Policy], name: str, actor: Actor, upload: Upload
    ) -> None:
        with pytest.raises(UploadNotFound) as caught:
            check(policy, name, actor, upload)
        assert str(caught.value) == str(UploadNotFound())

    @pytest.mark.parametrize("name", CHECKS)
    @pytest.mark.parametrize(
        ("policy", "text"),
        [(Refusing, "this is not allowed"), (Explaining, "the month is closed")],
    )
    def test_an_owner_is_told_why_not(self, policy: type[Policy], name: str, text: str) -> None:
        with pytest.raises(Forbidden, match=text):
            check(policy, name, ME, MINE)

    def test_a_creation_is_refused_with_the_hooks_words(self) -> None:
        with pytest.raises(Forbidden, match="this is not allowed"):
            Refusing(OPTIONS).check_create(ME, WANTED)
        with pytest.raises(Forbidden, match=r"no a\.mp4 today"):
            Explaining(OPTIONS).check_create(ME, WANTED)

    @pytest.mark.parametrize("answer", [None, 0, "", []])
    def test_what_is_no_yes_is_a_no(self, answer: Any) -> None:
        class Vague(Policy):
            def can_read(self, actor: Actor, upload: Any) -> bool:
                return answer  # type: ignore[no-any-return]

        with pytest.raises(Forbidden):
            check(Vague, "read", ME, MINE)

    def test_limits_are_no_more_than_the_quota(self) -> None:
        def longest(**options: Any) -> int:
            return Policy(Options(**options)).limits(ME).max_length

        assert longest(MAX_LENGTH=100) == 100
        assert longest(MAX_LENGTH=100, USER_MAX_BYTES=30) == 30
        assert longest(MAX_LENGTH=10, USER_MAX_BYTES=30) == 10


def test_an_actor_is_its_user_id() -> None:
    user = get_user_model()(pk=1)
    assert Actor(user_id=1, user=user) == Actor(user_id=1)
    assert hash(Actor(user_id=1, user=user)) == hash(Actor(user_id=1))
    assert "user=" not in repr(Actor(user_id=1, user=user))


@pytest.mark.django_db
@pytest.mark.usefixtures("media")
class TestRequests:
    """The same through Django's client."""

    @pytest.fixture
    def use(self, tusbridge_settings: Callable[..., None]) -> Callable[[type[Policy]], None]:
        return lambda policy: tusbridge_settings(
            POLICY=f"{__name__}.{policy.__name__}", ALLOW_ANONYMOUS=False
        )

    def login(self, name: str) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create(username=name))
        return client

    def test_a_refused_creation_is_403_and_leaves_nothing(self, use: Any) -> None:
        use(Explaining)
        response = create(self.login("one"), HTTP_UPLOAD_METADATA="filename YS5tcDQ=")
        assert response.status_code == 403
        assert response.content == b"forbidden: no a.mp4 today\n"
        assert not Upload.objects.exists()

    def test_an_owner_is_403_and_anybody_else_404(self, use: Any) -> None:
        use(Policy)
        one, two = self.login("one"), self.login("two")
        url = create(one)["Location"]
        use(Refusing)
        assert set(every_verb(one, url).values()) == {403}
        assert set(every_verb(two, url).values()) == {404}

    def test_hooks_may_let_others_in(self, use: Any) -> None:
        use(Team)
        first, one, two = (self.login(name) for name in ("first", "one", "two"))
        url = create(one)["Location"]
        assert two.head(url, **TUS).status_code == 200
        assert patch(two, url, b"hello").status_code == 404
        assert patch(first, url, b"helloworld").status_code == 204
        assert b"".join(two.get(url).streaming_content) == b"helloworld"
        assert first.delete(url, **TUS).status_code == 404
        assert one.delete(url, **TUS).status_code == 204

    def test_hooks_see_the_user(self, use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        use(Team)
        seen: list[Any] = []
        monkeypatch.setattr(Team, "can_create", lambda self, actor, request: seen.append(actor))
        create(self.login("one"))
        assert seen[0].user.username == "one"
        assert seen[0].user_id == get_user_model().objects.get().pk

    def test_R12_without_a_database_of_users_head_is_423_and_the_rest_503(  # noqa: N802
        self, use: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(Policy)
        one = self.login("one")
        url = create(one)["Location"]

        def away(self: object) -> Any:
            raise OperationalError("the server closed the connection unexpectedly")

        monkeypatch.setattr(SessionStore, "load", away)
        assert every_verb(one, url) == {"HEAD": 423, "PATCH": 503, "GET": 503, "DELETE": 503}
        assert create(one).status_code == 503

    def test_R12_a_hook_without_its_database_is_503(  # noqa: N802
        self, use: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*args: object) -> Any:
            raise OperationalError("locked")

        use(Team)
        monkeypatch.setattr(Team, "can_create", away)
        monkeypatch.setattr(Team, "can_read", away)
        one = self.login("one")
        assert create(one).status_code == 503
        Upload.objects.create(upload_id="a" * 32, length=10)
        assert one.head(f"/files/{'a' * 32}", **TUS).status_code == 423

    def test_a_site_without_the_middleware_knows_nobody(self, use: Any, settings: Any) -> None:
        use(Policy)
        settings.MIDDLEWARE = []
        assert create(Client()).status_code == 401

    def test_who_must_log_in_elsewhere_gets_401_here(self, use: Any, settings: Any) -> None:
        """LoginRequiredMiddleware would answer with a redirect that no client follows."""
        use(Policy)
        settings.MIDDLEWARE = [
            *settings.MIDDLEWARE,
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert create(Client()).status_code == 401
        assert Client().options("/files/").status_code == 200

    def test_the_sites_own_csrf_check_leaves_uploads_to_the_policy(
        self, use: Any, settings: Any
    ) -> None:
        use(Policy)
        settings.MIDDLEWARE = [
            "django.middleware.csrf.CsrfViewMiddleware",
            *settings.MIDDLEWARE,
        ]
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(get_user_model().objects.create(username="one"))
        assert create(strict, HTTP_ORIGIN="http://testserver").status_code == 201
        assert create(strict, HTTP_ORIGIN="http://evil.example").status_code == 403


class Asynchronous(Policy):
    """What this returns is true, whatever it says."""

    async def can_read(self, actor: Actor, upload: Any) -> bool:  # type: ignore[override]
        return False


class NoPolicy:
    """Derives from nothing."""


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("tests.nowhere.Policy", "cannot be imported"),
        ("tests.test_policy.Nothing", "cannot be imported"),
        ("Policy", "cannot be imported"),
        ("", "cannot be imported"),
        ("tests.test_policy.NoPolicy", "has to be a subclass"),
        ("tests.test_policy.ME", "has to be a subclass"),
        ("tests.test_policy.Asynchronous", "can_read is asynchronous"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_name(path: str, why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=why) as caught:
        get_policy(Options(POLICY=path))
    assert repr(path) in str(caught.value)


def test_a_policy_may_give_each_user_limits_of_their_own(
    service: UploadService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Policy, "limits", lambda self, actor: Limits(max_length=5))
    with pytest.raises(Exception, match="at most 5 bytes"):
        service.create(WANTED, Actor())


def test_the_default_policy_imports_no_library_for_logging_in() -> None:
    script = """
import sys
import django
django.setup()
import tusbridge, tusbridge.urls, tusbridge.service
from django.http import HttpRequest
from tusbridge.conf import get_options
from tusbridge.policy import get_policy
get_policy(get_options()).authenticate(HttpRequest())
from django.core.checks import run_checks
run_checks()
libraries = ("rest_framework", "allauth", "tusbridge.auth")
print([name for name in sys.modules if name.startswith(libraries)])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=False,
        timeout=60,
    )
    assert ran.stdout.strip() == "[]", ran.stderr[-3000:]


def test_nobody_is_known_without_a_user() -> None:
    with pytest.raises(Unauthenticated):
        Policy(OPTIONS).authenticate(HttpRequest())
