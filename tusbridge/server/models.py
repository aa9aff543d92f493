"""Access tokens: who may upload to the runnable server."""

import hashlib
import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction


class AccessToken(models.Model):
    """A bearer token; only its SHA-256 is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    digest = models.CharField(max_length=64, unique=True)
    created_on = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"token of {self.user} since {self.created_on:%Y-%m-%d}"


def digest_of(token: str) -> str:
    """What is kept of a token: it has 256 random bits, so a plain hash cannot be undone."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def make_token(name: str) -> str:
    """A new token for the user of that name, who is made if need be."""
    user, _ = get_user_model().objects.get_or_create(username=name)
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(user=user, digest=digest_of(token))
    return token


def revoke_tokens(name: str) -> int:
    """Revoke all tokens of a user; how many there were."""
    count, _ = AccessToken.objects.filter(user__username=name).delete()
    return count
