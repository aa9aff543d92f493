"""What is shown of an upload. Whatever a client wrote is shown as text, in one line that reads as
it is stored."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tusbridge.errors import InvalidField
from tusbridge.models import AbstractUpload
from tusbridge.protocol.fields import parse_metadata
from tusbridge.texts import render_inert, render_size

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[AbstractUpload]
else:
    BaseAdmin = admin.ModelAdmin


# What stands where there is nothing to show.
_NOTHING = "-"


class Columns(BaseAdmin):
    """Columns of the list and of an upload's page that are not the row's own."""

    @admin.display(description="file name")
    def file_name(self, upload: AbstractUpload) -> str:
        """As the client named it, in one line that reads as it is."""
        return render_inert(upload.filename) or _NOTHING

    @admin.display(description="progress")
    def progress(self, upload: AbstractUpload) -> str:
        """How much is there, as a bar and in words."""
        done = render_size(upload.offset)
        if upload.length is None:
            return f"{done}, length not known yet"
        share = 100 * upload.offset // upload.length if upload.length else 100
        return format_html(
            '<progress max="100" value="{share}" aria-label="{id}">{share} %</progress> '
            "{done} of {total} ({share} %)",
            share=share,
            id=f"Progress of {upload.upload_id}",
            done=done,
            total=render_size(upload.length),
        )

    @admin.display(description="created", ordering="pk")
    def created(self, upload: AbstractUpload) -> Any:
        return upload.created_on

    @admin.display(description="expires", empty_value="never")
    def expires(self, upload: AbstractUpload) -> Any:
        return upload.expires_at

    @admin.display(description="download")
    def download(self, upload: AbstractUpload) -> str:
        """A link, where there is a file."""
        if not upload.is_complete or not upload.file.name:
            return _NOTHING
        url = reverse(self.url_name("download"), args=[quote(upload.pk)])
        label = f"Download {upload.upload_id}"
        return format_html('<a href="{}" aria-label="{}">Download</a>', url, label)

    @admin.display(description="stored as")
    def stored_as(self, upload: AbstractUpload) -> str:
        return render_inert(str(upload.file.name or "")) or _NOTHING

    @admin.display(description="metadata")
    def client_metadata(self, upload: AbstractUpload) -> str:
        """Upload-Metadata, a key a line."""
        if not upload.metadata:
            return _NOTHING
        try:
            pairs = parse_metadata(upload.metadata).items()
        except InvalidField:
            return render_inert(upload.metadata)
        return format_html_join(
            SafeString("<br>"),
            "{}: {}",
            (
                (key, render_inert(value.decode("utf-8", "backslashreplace")))
                for key, value in pairs
            ),
        )

    @admin.display(description="written to by")
    def writer(self, upload: AbstractUpload) -> str:
        if upload.lease_token is None or upload.lease_until is None:
            return "nobody"
        return f"a request that holds it until {upload.lease_until:%Y-%m-%d %H:%M:%S} UTC"

    def url_name(self, what: str) -> str:
        """Of one of the admin's pages about uploads."""
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{what}"
