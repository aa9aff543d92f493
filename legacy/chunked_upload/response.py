"""The response under the original's name."""

from legacy.response import Response

__all__ = ["Response"]
