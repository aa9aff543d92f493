"""``path("legacy/", include("legacy.urls"))``: the router over the site's upload model."""

from django.urls import path

from legacy.api import api, complete, upload
from tusbridge.api.pages import documentation

app_name = "tusbridge_legacy"

# the operations are mounted as they are, without what ninja adds
urlpatterns = [
    path("upload/", upload, name="upload"),
    path("complete/", complete, name="complete"),
    # Django would answer these with a redirect that loses a POST
    path("upload", upload),
    path("complete", complete),
    *documentation(api),
]
