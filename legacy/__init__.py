"""The django-chunked-upload contract over tusbridge's uploads.

``legacy.urls`` has it ready to be mounted; ``legacy.views`` and ``legacy.models`` are to be
subclassed; ``legacy.chunked_upload`` with ``legacy.dropin`` takes the original's place. What comes
reaches rows and bytes only through ``tusbridge.service`` and ``tusbridge.models``.
"""
