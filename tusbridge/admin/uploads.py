"""The admin of uploads. The row is the protocols' truth, so there is nothing to add and nothing to
change. Whatever an action does, the service does. No page has a script or a style of its own."""

import time
from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.auth import get_user_model
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

from tusbridge.admin.downloads import Downloads
from tusbridge.admin.filters import ExpiryFilter, LeaseFilter
from tusbridge.errors import UploadError
from tusbridge.models import AbstractUpload, Status
from tusbridge.service import UploadService
from tusbridge.texts import render_inert, render_size
from tusbridge.verifying import Verification, verify

# Seconds that one request reads files back for: below the time-outs of servers and proxies.
VERIFY_SECONDS = 15.0
# Uploads of one request that are verified, and names that a page of confirmation lists.
VERIFY_AT_MOST = 1000
_LISTED_AT_MOST = 100
_CHUNK = 200
# Columns of the row that are shown in another form, or that nobody can read anything from.
_NOT_SHOWN = {
    "file",
    "offset",
    "length",
    "metadata",
    "lease_token",
    "lease_until",
    "filename",
    "is_anonymous",
}


class UploadAdmin(Downloads):
    """The admin of uploads. For a model of your own, derive from it and register that."""

    list_display = (
        "upload_id",
        "file_name",
        "user",
        "status",
        "progress",
        "created",
        "expires",
        "protocol",
        "download",
    )
    list_display_links = ("upload_id",)
    # by index only: the rest would sort the whole table
    sortable_by = ("upload_id", "created")
    ordering = ("-pk",)
    list_select_related = ("user",)
    list_filter = ("status", "protocol", ExpiryFilter, LeaseFilter)
    list_per_page = 50
    show_full_result_count = False
    search_help_text = "An upload's id, or a part of a file name or a user name."
    readonly_fields = (
        "file_name",
        "progress",
        "download",
        "stored_as",
        "client_metadata",
        "writer",
    )
    actions = ("verify_uploads", "terminate_uploads", "expire_uploads")

    # -- who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        name = get_user_model().USERNAME_FIELD
        return ("upload_id__startswith", "filename", f"user__{name}")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AbstractUpload], search_term: str
    ) -> tuple[QuerySet[AbstractUpload], bool]:
        """A whole id is looked up by its index, in the way that nothing else is looked at."""
        term = search_term.strip().lower()
        if len(term) == 32 and queryset.filter(upload_id=term).exists():
            return queryset.filter(upload_id=term), False
        return super().get_search_results(request, queryset, search_term)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The known columns in groups, and those of a model of one's own behind them."""
        groups: list[tuple[str | None, tuple[str, ...]]] = [
            (None, ("upload_id", "file_name", "user", "progress", "status", "download")),
            ("Times", ("created_on", "completed_on", "expires_at", "progress_at")),
            ("From the client", ("protocol", "content_type", "client_metadata")),
            ("Storage", ("storage_alias", "stored_as", "store_state", "writer")),
        ]
        known = {name for _, names in groups for name in names} | _NOT_SHOWN
        known.add(self.model._meta.pk.name)
        further = tuple(
            field.name for field in self.model._meta.concrete_fields if field.name not in known
        )
        groups.append(("Further", further))
        return [(title, {"fields": names}) for title, names in groups if names]

    # -- removing

    def delete_model(self, request: HttpRequest, obj: AbstractUpload) -> None:
        self.delete_queryset(request, self.model._base_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AbstractUpload]) -> None:
        """With the bytes, finished or not."""
        service = UploadService(model=self.model)
        left = 0
        for uploads in _chunks(queryset):
            for upload in uploads:
                service.terminate(upload)
            keys = [upload.pk for upload in uploads]
            left += self.model._base_manager.filter(pk__in=keys).count()
        self._tell(request, left, "could not be freed yet; the next sweep will", messages.WARNING)

    @admin.action(
        permissions=["delete"], description="Terminate unfinished %(verbose_name_plural)s"
    )
    def terminate_uploads(
        self, request: HttpRequest, queryset: QuerySet[AbstractUpload]
    ) -> HttpResponseBase | None:
        """End them at once, also under a running request, and free their bytes."""
        unfinished = queryset.filter(status=Status.UPLOADING)
        if not self._is_confirmed(request):
            return self._confirm(
                request,
                unfinished,
                action="terminate_uploads",
                title="Terminate unfinished uploads",
                why="They end at once, also where a client is sending just now, and their bytes "
                "are lost. Finished uploads are left alone.",
            )

        def terminate(service: UploadService, upload: AbstractUpload) -> bool:
            service.terminate(upload)
            return True

        self._act(request, unfinished, terminate, "terminated")
        return None

    @admin.action(
        permissions=["delete"], description="Expire unfinished %(verbose_name_plural)s now"
    )
    def expire_uploads(
        self, request: HttpRequest, queryset: QuerySet[AbstractUpload]
    ) -> HttpResponseBase | None:
        """As if their time were over: none that a client is sending to just now."""
        unfinished = queryset.filter(status=Status.UPLOADING)
        if not self._is_confirmed(request):
            return self._confirm(
                request,
                unfinished,
                action="expire_uploads",
                title="Expire unfinished uploads now",
                why="Their bytes are lost. Uploads that a client is sending just now are left "
                "alone, and so are finished ones.",
            )
        self._act(request, unfinished, UploadService.expire, "expired")
        return None

    def _act(
        self,
        request: HttpRequest,
        uploads: QuerySet[AbstractUpload],
        act: Callable[[UploadService, AbstractUpload], bool],
        done: str,
    ) -> None:
        service = UploadService(model=self.model)
        ended = spared = failed = 0
        for chunk in _chunks(uploads):
            gone = []
            for upload in chunk:
                try:
                    if act(service, upload):
                        gone.append(upload)
                    else:
                        spared += 1
                except UploadError:
                    failed += 1
            self.log_deletions(request, gone)  # type: ignore[arg-type]
            ended += len(gone)
        self._tell(request, ended, done, messages.SUCCESS)
        self._tell(request, spared, "left alone: a client is sending", messages.WARNING)
        self._tell(request, failed, "could not be removed; see the log", messages.ERROR)

    def _tell(self, request: HttpRequest, count: int, what: str, level: int) -> None:
        if count:
            name = self.model._meta.verbose_name if count == 1 else self.opts.verbose_name_plural
            self.message_user(request, f"{count} {name} {what}.", level)

    def _is_confirmed(self, request: HttpRequest) -> bool:
        return request.POST.get("post") == "yes"

    def _confirm(
        self,
        request: HttpRequest,
        uploads: QuerySet[AbstractUpload],
        *,
        action: str,
        title: str,
        why: str,
    ) -> TemplateResponse:
        is_across = request.POST.get("select_across") == "1"
        listed = list(uploads.select_related("user")[: _LISTED_AT_MOST + 1])
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "why": why,
            "opts": self.opts,
            "action": action,
            "is_across": is_across,
            # with select_across, which says "all", Django wants one all the same
            "selected": uploads.values_list("pk", flat=True)[: 1 if is_across else None],
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "uploads": [(upload, self._words(upload)) for upload in listed[:_LISTED_AT_MOST]],
            "has_more": len(listed) > _LISTED_AT_MOST,
            "count": uploads.count(),
            "size": render_size(uploads.aggregate(sum=Sum("offset"))["sum"] or 0),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/tusbridge/confirm.html", context)

    def _words(self, upload: AbstractUpload) -> str:
        name = render_inert(upload.filename) or "no file name"
        return f"{upload.upload_id}, {name}, {render_size(upload.offset)}"

    # -- checking

    @admin.action(permissions=["view"], description="Verify selected %(verbose_name_plural)s")
    def verify_uploads(
        self, request: HttpRequest, queryset: QuerySet[AbstractUpload]
    ) -> HttpResponseBase:
        """Compare bytes and rows, and read finished files back for a while."""
        service = UploadService(model=self.model)
        until = time.monotonic() + VERIFY_SECONDS
        ids = list(queryset.values_list("upload_id", flat=True)[: VERIFY_AT_MOST + 1])
        found = [verify(service, upload_id, until=until) for upload_id in ids[:VERIFY_AT_MOST]]
        context = {
            **self.admin_site.each_context(request),
            "title": "Verified uploads",
            "opts": self.opts,
            "rows": [(one, _words_of(one), wrap(one.sha256, 16)) for one in found],
            "problems": sum(1 for one in found if one.problem),
            "seconds": f"{VERIFY_SECONDS:g}",
            "has_more": len(ids) > VERIFY_AT_MOST,
            "at_most": VERIFY_AT_MOST,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/tusbridge/verified.html", context)


def _chunks(uploads: QuerySet[AbstractUpload]) -> Iterable[list[AbstractUpload]]:
    """All of them in the order of their keys, some at a time, while they are removed."""
    last: Any = None
    while True:
        page = uploads if last is None else uploads.filter(pk__gt=last)
        chunk = list(page.order_by("pk")[:_CHUNK])
        if not chunk:
            return
        last = chunk[-1].pk
        yield chunk


def _words_of(found: Verification) -> str:
    if found.problem:
        return found.problem
    if found.sha256:
        return "read back whole"
    if found.state == "handed over":
        return "its file was attached to something else"
    if found.stored is None:
        return "not there any more"
    if found.read_back or found.state == Status.COMPLETE.label:
        read, all_of_it = render_size(found.read_back), render_size(found.expected)
        return f"as long as it should be; {read} of {all_of_it} were read back"
    return "as long as it should be"
