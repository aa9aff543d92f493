"""A site that is right, for the checks to find nothing in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def right(settings: Any, media: Path, tusbridge_settings: Callable[..., None]) -> None:
    """A site in which nothing is wrong."""
    tusbridge_settings(ALLOW_ANONYMOUS=False)
    settings.ALLOWED_HOSTS = ["site.example"]
