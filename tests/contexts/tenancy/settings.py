"""The site's settings."""

from tests.site.settings import *  # noqa: F403
from tests.site.settings import DATABASES, PLACE, TUSBRIDGE

DATABASES["default"]["ENGINE"] = "django_tenants.postgresql_backend"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "tests.contexts.tenancy"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "tusbridge", "legacy"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
TENANT_MODEL = "tenancy.Tenant"
TENANT_DOMAIN_MODEL = "tenancy.Domain"
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]
# a folder for each tenant, found by the thread's connection
STORAGES = {
    "default": {"BACKEND": "django_tenants.files.storage.TenantFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MULTITENANT_RELATIVE_MEDIA_ROOT = "%s/files"
TUSBRIDGE = {**TUSBRIDGE, "POLICY": "tusbridge.policy.Policy", "PARTIALS_DIR": f"{PLACE}/partial"}
