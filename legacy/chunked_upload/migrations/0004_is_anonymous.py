from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chunked_upload', '0003_take_over'),
    ]

    operations = [
        migrations.AddField(
            model_name='chunkedupload',
            name='is_anonymous',
            field=models.BooleanField(default=None, editable=False, null=True),
        ),
    ]
