"""The views under the original's names; by default over ``ChunkedUpload``."""

from legacy import views
from legacy.chunked_upload.models import ChunkedUpload
from legacy.views import is_authenticated

__all__ = [
    "ChunkedUploadBaseView",
    "ChunkedUploadCompleteView",
    "ChunkedUploadView",
    "is_authenticated",
]


class ChunkedUploadBaseView(views.ChunkedUploadBaseView):
    """What both have in common."""

    model = ChunkedUpload


class ChunkedUploadView(views.ChunkedUploadView, ChunkedUploadBaseView):
    """Takes chunks."""

    model = ChunkedUpload


class ChunkedUploadCompleteView(views.ChunkedUploadCompleteView, ChunkedUploadBaseView):
    """Completes an upload."""

    model = ChunkedUpload
