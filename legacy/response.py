"""Answers as the contract has them: JSON by the site's encoder and content type."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from legacy import conf


class Response(HttpResponse):
    """``content``, a dictionary, as text."""

    def __init__(
        self, content: Mapping[str, Any], status: int | None = None, *args: Any, **kwargs: Any
    ) -> None:
        kwargs.setdefault("content_type", conf.content_type())
        super().__init__(conf.encode(content), *args, status=status, **kwargs)
