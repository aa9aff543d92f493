"""Uploads of the original go on, complete and unfinished ones; and back."""

from django.db import migrations

from legacy import conf, takeover


def forwards(apps, schema_editor):
    model = apps.get_model('chunked_upload', 'ChunkedUpload')
    takeover.take_over(model, schema_editor.connection.alias)


def backwards(apps, schema_editor):
    model = apps.get_model('chunked_upload', 'ChunkedUpload')
    takeover.give_back(model, schema_editor.connection.alias)


class Migration(migrations.Migration):

    dependencies = [('chunked_upload', '0002_tusbridge')]

    operations = [] if conf.is_declared_abstract() else [migrations.RunPython(forwards, backwards)]
