"""The columns of tusbridge."""

import legacy.conf
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chunked_upload', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [] if legacy.conf.is_declared_abstract() else [
        migrations.AddField(
            model_name='chunkedupload',
            name='announce_at',
            field=models.DateTimeField(blank=True, db_index=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='completes_itself',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='concat',
            field=models.CharField(blank=True, choices=[('', 'none'), ('partial', 'partial'), ('final', 'final')], default='', max_length=8),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='concat_key',
            field=models.CharField(blank=True, max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='confirmed_on',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='content_type',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='lease_token',
            field=models.CharField(blank=True, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='lease_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='length',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='metadata',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='parts',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='progress_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='protocol',
            field=models.CharField(choices=[('tus', 'tus 1.0.0'), ('legacy', 'django-chunked-upload')], default='tus', max_length=16),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='storage_alias',
            field=models.CharField(default='default', max_length=64),
        ),
        migrations.AddField(
            model_name='chunkedupload',
            name='store_state',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='chunkedupload',
            name='file',
            field=models.FileField(blank=True, max_length=255, storage=legacy.conf.storage, upload_to=legacy.conf.default_upload_to),
        ),
        migrations.AlterField(
            model_name='chunkedupload',
            name='filename',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name='chunkedupload',
            name='status',
            field=models.PositiveSmallIntegerField(choices=[(1, 'Uploading'), (2, 'Complete'), (3, 'Terminated')], default=1),
        ),
        migrations.AddIndex(
            model_name='chunkedupload',
            index=models.Index(fields=['status', 'expires_at'], name='chunked_upl_status_42fab0_idx'),
        ),
    ]
