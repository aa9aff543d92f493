"""Uploads in Django's admin: to be looked at, checked, downloaded and removed, never edited.

Registers the upload model, unless the site does that in an ``admin`` module of its own, with a
class that derives from :class:`UploadAdmin`.
"""

from importlib import import_module
from sys import modules

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from tusbridge.admin.uploads import UploadAdmin
from tusbridge.models import get_upload_model

__all__ = ["UploadAdmin"]


def _register() -> None:
    """The upload model, unless the site registers it by itself, in its own ``admin`` module."""
    try:
        model = get_upload_model()
    except ImproperlyConfigured:
        return  # whoever asks for the model next is told; `manage.py check` has to run
    config = apps.get_app_config(model._meta.app_label)
    name = f"{config.name}.admin"
    if name != __name__ and config.module and module_has_submodule(config.module, "admin"):
        if _is_loading(name):
            return  # it imports this module, and registers what it derives from it
        import_module(name)
    if not admin.site.is_registered(model):
        admin.site.register(model, UploadAdmin)


def _is_loading(name: str) -> bool:
    spec = getattr(modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


_register()
