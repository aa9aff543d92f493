"""The original's table, as its own first migration has it: on its sites this one is applied."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import legacy.chunked_upload.settings
import tusbridge.models
from legacy import conf


class Migration(migrations.Migration):

    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    # where ChunkedUpload is abstract there is no table to make, nor to change
    operations = [] if conf.is_declared_abstract() else [
        migrations.CreateModel(
            name='ChunkedUpload',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('upload_id', models.CharField(default=tusbridge.models.generate_upload_id, editable=False, max_length=32, unique=True)),
                ('file', models.FileField(max_length=255, upload_to=legacy.chunked_upload.settings.UPLOAD_TO)),
                ('filename', models.CharField(max_length=255)),
                ('offset', models.BigIntegerField(default=0)),
                ('created_on', models.DateTimeField(auto_now_add=True)),
                ('status', models.PositiveSmallIntegerField(choices=[(1, 'Uploading'), (2, 'Complete')], default=1)),
                ('completed_on', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(blank=conf.user_blank(), null=conf.user_null(), on_delete=django.db.models.deletion.CASCADE, related_name='chunked_uploads', to=settings.AUTH_USER_MODEL)),
            ],
            options={'abstract': False},
        ),
    ]
