"""Each pair of views at `<name>/upload/` and `<name>/complete/`."""

from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.urls import path

from . import views

PAIRS = {
    "default": (ChunkedUploadView, ChunkedUploadCompleteView),
    "without-user": (ChunkedUploadView, ChunkedUploadCompleteView),
    "open": (views.OpenUpload, views.OpenComplete),
    "returning": (views.ReturningUpload, views.ReturningComplete),
    "limited": (views.LimitedUpload, ChunkedUploadCompleteView),
    "strict": (views.StrictUpload, ChunkedUploadCompleteView),
    "unchecked": (ChunkedUploadView, views.UncheckedComplete),
    "nobodys": (views.NobodysUploadView, views.NobodysComplete),
    "repeats": (views.RepeatsUpload, views.RepeatsComplete),
    "strict-totals": (views.StrictTotalsUpload, ChunkedUploadCompleteView),
    "other-name": (views.OtherNameUpload, ChunkedUploadCompleteView),
    "failing": (views.FailingUpload, views.FailingComplete),
}

urlpatterns = [
    path(f"{name}/{place}/", view.as_view())
    for name, pair in PAIRS.items()
    for place, view in zip(("upload", "complete"), pair, strict=True)
]
