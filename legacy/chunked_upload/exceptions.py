"""The exception under the original's name."""

from legacy.exceptions import ChunkedUploadError

__all__ = ["ChunkedUploadError"]
