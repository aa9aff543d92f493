"""The site's views, each pair for a part of the contract that needs a setting or a hook."""

from chunked_upload.constants import http_status
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView

from .limits import MAX_BYTES
from .models import NobodysUpload


class Open:
    """Anybody may come."""

    def check_permissions(self, request):
        pass


class OpenUpload(Open, ChunkedUploadView):
    pass


class OpenComplete(Open, ChunkedUploadCompleteView):
    pass


class Returning:
    """Returns its refusal instead of raising it, as some sites do: everybody may come."""

    def check_permissions(self, request):
        return False


class ReturningUpload(Returning, ChunkedUploadView):
    pass


class ReturningComplete(Returning, ChunkedUploadCompleteView):
    pass


class LimitedUpload(ChunkedUploadView):
    max_bytes = MAX_BYTES


class StrictUpload(ChunkedUploadView):
    fail_if_no_header = True
    max_bytes = MAX_BYTES


class UncheckedComplete(ChunkedUploadCompleteView):
    do_md5_check = False


class NobodysUploadView(ChunkedUploadView):
    model = NobodysUpload


class NobodysComplete(ChunkedUploadCompleteView):
    model = NobodysUpload


class RepeatsUpload(ChunkedUploadView):
    """`accept_repeats` means nothing to the original."""

    accept_repeats = True


class RepeatsComplete(ChunkedUploadCompleteView):
    accept_repeats = True


class StrictTotalsUpload(ChunkedUploadView):
    """`strict_totals` means nothing to the original."""

    strict_totals = True


class OtherNameUpload(ChunkedUploadView):
    field_name = "the_file"


class Failing:
    """Hooks that fail when the form field `fail` names them."""

    def validate(self, request):
        if request.POST.get("fail") == "validate":
            raise ChunkedUploadError(status=http_status.HTTP_400_BAD_REQUEST, detail="not valid")

    def save(self, chunked_upload, request, new=False):
        if request.POST.get("fail") == "save":
            raise ChunkedUploadError(status=http_status.HTTP_400_BAD_REQUEST, detail="not saved")
        super().save(chunked_upload, request, new=new)


class FailingUpload(Failing, ChunkedUploadView):
    pass


class FailingComplete(Failing, ChunkedUploadCompleteView):
    def on_completion(self, uploaded_file, request):
        if request.POST.get("fail") == "refuse":
            raise ChunkedUploadError(status=http_status.HTTP_400_BAD_REQUEST, detail="not taken")
        if request.POST.get("fail") == "crash":
            raise RuntimeError("on_completion crashed, as it was told to")
