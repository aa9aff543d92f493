"""A model of the site's own, without a user field. It has no migrations: `migrate --run-syncdb`."""

from chunked_upload.models import AbstractChunkedUpload


class NobodysUpload(AbstractChunkedUpload):
    """An upload that belongs to nobody."""

    class Meta:
        app_label = "legacy_site"
