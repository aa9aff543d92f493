"""The example of docs/attach.md, word for word below this line."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tests.gallery.models import Video
from tusbridge.models import AbstractUpload, get_upload_model


class VideoForm(forms.ModelForm):
    upload_id = forms.CharField(widget=forms.HiddenInput)

    class Meta:
        model = Video
        fields = ["title"]

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_upload_id(self) -> AbstractUpload:
        uploads = get_upload_model().objects
        upload = uploads.filter(upload_id=self.cleaned_data["upload_id"], user=self.user).first()
        if upload is None or not upload.is_complete or not upload.file:
            raise forms.ValidationError("The file is not there (any more). Please send it again.")
        return upload

    def save(self, commit: bool = True) -> Video:
        video = super().save(commit=False)
        video.user = self.user
        self.cleaned_data["upload_id"].attach(video.file, save=commit)
        return video


@login_required
def add_video(request: HttpRequest) -> HttpResponse:
    form = VideoForm(request.POST or None, user=request.user)
    if form.is_valid():
        form.save()
        return redirect("videos")
    return render(request, "gallery/add_video.html", {"form": form})
