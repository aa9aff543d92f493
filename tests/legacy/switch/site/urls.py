"""The site's pages."""

from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import path
from films import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="login.html")),
    path("upload/", ChunkedUploadView.as_view(field_name="the_file"), name="api_chunked_upload"),
    path("complete/", ChunkedUploadCompleteView.as_view(), name="api_chunked_upload_complete"),
    path("films/upload/", views.FilmUploadView.as_view(), name="film_upload"),
    path("films/complete/", views.FilmCompleteView.as_view(), name="film_complete"),
    path("read/<str:upload_id>/", views.read, name="read"),
]
