"""Filters of the list of uploads; each asks by an index, or within what one leaves."""

from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet

from tusbridge import leases
from tusbridge.clock import database_now
from tusbridge.models import Status


class ExpiryFilter(SimpleListFilter):
    """Unfinished uploads by the time that is left to them."""

    title = "expiry"
    parameter_name = "expiry"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("expired", "Expired"),
            ("hour", "Within an hour"),
            ("day", "Within a day"),
            ("never", "Never"),
        ]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = database_now(queryset.model)
        conditions = {
            "expired": Q(expires_at__lte=now),
            "hour": Q(expires_at__gt=now, expires_at__lte=now + timedelta(hours=1)),
            "day": Q(expires_at__gt=now, expires_at__lte=now + timedelta(days=1)),
            "never": Q(expires_at__isnull=True),
        }
        return _unfinished(queryset, conditions.get(self.value() or ""))


class LeaseFilter(SimpleListFilter):
    """Unfinished uploads by whether a client is sending just now."""

    title = "being written to"
    parameter_name = "lease"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("held", "Yes"), ("free", "No")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        conditions = {"held": leases.held(), "free": leases.free()}
        return _unfinished(queryset, conditions.get(self.value() or ""))


def _unfinished(queryset: QuerySet[Any], condition: Q | None) -> QuerySet[Any]:
    """The unfinished uploads among them that meet it; all of them without one."""
    if condition is None:
        return queryset
    return queryset.filter(condition, status=Status.UPLOADING)
