"""The django-chunked-upload contract over tusbridge's uploads: the room for it.

Nothing is served from here yet. What comes reaches rows and bytes only through
``tusbridge.service`` and ``tusbridge.models``.
"""
