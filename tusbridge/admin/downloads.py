"""Downloads from the admin, for whoever may view an upload."""

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from tusbridge.admin.columns import Columns
from tusbridge.api.downloads import download
from tusbridge.api.frame import error_response
from tusbridge.errors import UploadError, UploadIncomplete, UploadNotFound
from tusbridge.models import AbstractUpload, Status
from tusbridge.service import UploadService


class Downloads(Columns):
    """A view beside the admin's own."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download_view)
        name = self.url_name("download").partition(":")[2]
        return [path("<path:object_id>/download/", view, name=name), *super().get_urls()]

    @method_decorator(require_safe)
    def download_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The bytes, in fields that keep them inert, to whoever may view the upload."""
        upload = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, upload):
            raise PermissionDenied
        if upload is None or upload.status == Status.TERMINATED:
            raise Http404
        try:
            response = self._download(request, upload)
        except UploadError as error:
            response = error_response(request, error)
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def _download(self, request: HttpRequest, upload: AbstractUpload) -> HttpResponseBase:
        if not upload.is_complete:
            raise UploadIncomplete(upload.offset, upload.length)
        if not upload.file.name:
            raise UploadNotFound
        return download(request, UploadService(model=self.model), upload)
