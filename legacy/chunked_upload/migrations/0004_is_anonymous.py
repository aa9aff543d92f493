from django.db import migrations, models

from legacy import conf


class Migration(migrations.Migration):

    dependencies = [
        ('chunked_upload', '0003_take_over'),
    ]

    operations = [] if conf.is_declared_abstract() else [
        migrations.AddField(
            model_name='chunkedupload',
            name='is_anonymous',
            field=models.BooleanField(default=None, editable=False, null=True),
        ),
    ]
