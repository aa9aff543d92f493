"""A look at the two views before any check."""

from __future__ import annotations

from ..probe import Unusable, asked, expect_entry
from .client import Client
from .forms import urlencoded
from .target import Target

_TOKEN = ", and --header 'X-CSRFToken: ...' where the site asks for one"


def probe(target: Target) -> None:
    """Raises `Unusable` where nothing answers, or there is no such view, or a login before it."""
    with Client(target) as client:
        for url in (target.upload_url, target.complete_url):
            _probe_view(client, url)


def _probe_view(client: Client, url: str) -> None:
    answer = asked(url, lambda: client.send("POST", url, urlencoded([]), may_crash=True))
    expect_entry(url, answer, _TOKEN, login=bool(client.target.headers))
    if answer.status in (404, 405):
        raise Unusable(f"There is no view that takes a POST at {url} ({answer.status}).")
