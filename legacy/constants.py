"""Statuses of uploads and answers, under the names that sites import."""

from tusbridge.models import Status


class http_status:  # noqa: N801 the contract's name
    """Statuses of answers."""

    HTTP_200_OK = 200
    HTTP_400_BAD_REQUEST = 400
    HTTP_403_FORBIDDEN = 403
    HTTP_404_NOT_FOUND = 404
    HTTP_410_GONE = 410


UPLOADING = int(Status.UPLOADING)
COMPLETE = int(Status.COMPLETE)
CHUNKED_UPLOAD_CHOICES = ((UPLOADING, "Uploading"), (COMPLETE, "Complete"))
