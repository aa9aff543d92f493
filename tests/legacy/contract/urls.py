"""The admin, and the two views as they come; tests that need others bring their own."""

from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("upload/", ChunkedUploadView.as_view()),
    path("complete/", ChunkedUploadCompleteView.as_view()),
]
