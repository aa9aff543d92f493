"""The site's subclasses of the package's views."""

from typing import Any

from chunked_upload.constants import COMPLETE, http_status
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404

from films.models import Film, Review
from films.tasks import check_film


class FilmUploadView(ChunkedUploadView):
    """Films have a title from the form."""

    model = Film
    field_name = "the_file"

    def validate(self, request: Any) -> None:
        if request.POST.get("title") == "forbidden":
            raise ChunkedUploadError(
                status=http_status.HTTP_403_FORBIDDEN, detail="No such films", title="forbidden"
            )

    def get_extra_attrs(self, request: Any) -> Any:
        attrs = super().get_extra_attrs(request)
        attrs["title"] = request.POST.get("title", "")
        return attrs

    def get_response_data(self, chunked_upload: Any, request: Any) -> Any:
        data = super().get_response_data(chunked_upload, request)
        return {**data, "title": chunked_upload.title}


class FilmCompleteView(ChunkedUploadCompleteView):
    """A complete film is looked at."""

    model = Film

    def on_completion(self, uploaded_file: Any, request: Any) -> None:
        self.size = len(uploaded_file.read())

    def get_response_data(self, chunked_upload: Any, request: Any) -> Any:
        Review.objects.create(upload=chunked_upload, film=chunked_upload, text="new")
        return {
            "title": chunked_upload.title,
            "size": self.size,
            "md5": check_film(chunked_upload.upload_id),
        }


@login_required
def read(request: HttpRequest, upload_id: str) -> FileResponse:
    """The bytes of one's own complete upload."""
    own = ChunkedUpload.objects.filter(user=request.user, status=COMPLETE)
    return FileResponse(get_object_or_404(own, upload_id=upload_id).file.open("rb"))
