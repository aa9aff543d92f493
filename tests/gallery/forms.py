"""The example of docs/attach.md, word for word below this line."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tests.gallery.models import Video
from tusbridge.errors import AlreadyAttached, UploadError
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
        if upload is None:
            raise forms.ValidationError("The file is not there (any more). Please send it again.")
        if upload.is_being_stored:
            raise forms.ValidationError("The file is still being stored. Please save again soon.")
        try:
            if not isinstance(upload.attached_instance(), Video):
                upload.validate_for(self.instance.file)
        except UploadError:
            raise forms.ValidationError("The file cannot be used. Please send it again.") from None
        return upload

    def save(self, commit: bool = True) -> Video:
        video = super().save(commit=False)
        video.user = self.user
        try:
            self.cleaned_data["upload_id"].attach(video.file, save=commit)
        except AlreadyAttached:
            # the form was sent twice
            return self.cleaned_data["upload_id"].attached_instance() or video
        return video


@login_required
def add_video(request: HttpRequest) -> HttpResponse:
    form = VideoForm(request.POST or None, user=request.user)
    if form.is_valid():
        form.save()
        return redirect("videos")
    return render(request, "gallery/add_video.html", {"form": form})
