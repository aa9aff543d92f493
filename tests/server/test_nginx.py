"""Behind Debian's nginx, with the very configuration that the documentation shows."""

import shutil

import pytest

from conformance.checks import ALL
from conformance.registry import Check
from tests.server.test_conformance import ORIGIN, READ_TIMEOUT
from tests.support import conformance
from tests.support.conformance import FAILED, NOT_ANNOUNCED, NOT_TESTABLE, PASSED, Report, logins
from tests.support.nginx import Nginx
from tests.support.serve import require
from tests.support.servers import running

pytestmark = pytest.mark.nginx

# What nginx does before it asks us.
BEYOND_US = {
    "row-021-malformed-id": "nginx answers by itself what is no URL",
    "row-021-nul-in-id": "nginx answers by itself what is no URL",
    "row-081-no-100-before-a-refusal": "nginx sends 100 Continue itself",
    "row-082-expect-with-too-many-bytes": "nginx sends 100 Continue itself",
    "row-082-expect-over-the-limit": "nginx sends 100 Continue itself",
}
# What it may do: it drops its last buffer when a client ends the connection right behind it.
NOT_ALWAYS = {"row-041-fin-right-behind-the-bytes"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    place = tmp_path_factory.mktemp("nginx")
    require(shutil.which("nginx"), "nginx (apt-get install nginx-light)")
    options = {"CORS_ORIGINS": [ORIGIN], "READ_TIMEOUT": READ_TIMEOUT}
    with running("serve", place / "serve", options=options) as server:
        words = [f"--cors-origin={ORIGIN}", f"--read-timeout={READ_TIMEOUT}", *logins(server)]
        with Nginx(place / "nginx", server.port) as nginx:
            return conformance.check(place, nginx.url, *words)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_row_behind_nginx(check: Check, report: Report) -> None:
    outcome = report.outcome(check.id)
    if check.id in BEYOND_US:
        assert outcome == FAILED, "it works now: take it off the list"
    elif check.id not in NOT_ALWAYS:
        assert outcome in {PASSED, NOT_TESTABLE, NOT_ANNOUNCED}, report.explain(check.id)
