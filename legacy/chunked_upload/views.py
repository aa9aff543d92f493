"""The views under the original's names; by default over ``ChunkedUpload``."""

from typing import Any

from legacy import view_base, views
from legacy.chunked_upload.models import ChunkedUpload
from legacy.views import is_authenticated

__all__ = [
    "ChunkedUploadBaseView",
    "ChunkedUploadCompleteView",
    "ChunkedUploadView",
    "is_authenticated",
]


# where that has no table, the site's upload model
_MODEL: Any = view_base.ModelOfSite() if ChunkedUpload._meta.abstract else ChunkedUpload


class ChunkedUploadBaseView(views.ChunkedUploadBaseView):
    """What both have in common."""

    model = _MODEL


class ChunkedUploadView(views.ChunkedUploadView, ChunkedUploadBaseView):
    """Takes chunks."""

    model = _MODEL


class ChunkedUploadCompleteView(views.ChunkedUploadCompleteView, ChunkedUploadBaseView):
    """Completes an upload."""

    model = _MODEL
