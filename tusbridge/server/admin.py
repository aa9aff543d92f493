"""Access tokens in the admin: to be seen and revoked. ``tusbridge token`` makes them, for only
there they can be shown once to the right person."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from tusbridge.server.models import AccessToken

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[AccessToken]
else:
    _Admin = admin.ModelAdmin


@admin.register(AccessToken)
class AccessTokenAdmin(_Admin):
    """Deleting a token revokes it."""

    list_display = ("user", "created_on")
    list_select_related = ("user",)
    fields = ("user", "created_on")
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
