"""Scopes for ``TUSBRIDGE["REQUEST_SCOPES"]``, ready made.

A scope takes the request and returns a context manager, which is entered in each thread that works
for the request. One with an attribute ``key``, a function of the request, sets the same for all
requests whose keys are equal: leases of their uploads are then kept alive together.
"""

from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.http import HttpRequest


def django_tenants(request: HttpRequest) -> AbstractContextManager[Any]:
    """django-tenants: the schema of ``request.tenant``, on the thread's connection."""
    from django_tenants.utils import tenant_context  # noqa: PLC0415 only where it is installed

    tenant = getattr(request, "tenant", None)
    return nullcontext() if tenant is None else tenant_context(tenant)


def _schema_name(request: HttpRequest) -> Hashable:
    return getattr(getattr(request, "tenant", None), "schema_name", None)


django_tenants.key = _schema_name  # type: ignore[attr-defined]
