"""The tenants, and their domains."""

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    name = models.TextField()

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """Where a tenant is."""
