"""tusbridge: resumable uploads for Django.

Only the version lives here, so that importing the package needs no settings.
"""

__version__ = "0.1.0"
