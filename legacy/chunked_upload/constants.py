"""The constants under the original's names."""

from legacy.constants import CHUNKED_UPLOAD_CHOICES, COMPLETE, UPLOADING, http_status

__all__ = ["CHUNKED_UPLOAD_CHOICES", "COMPLETE", "UPLOADING", "http_status"]
