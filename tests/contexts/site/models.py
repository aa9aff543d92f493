"""What receivers write down, and who did so by django-simple-history."""

from django.db import models
from simple_history.models import HistoricalRecords


class Note(models.Model):
    event = models.TextField()
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.event
