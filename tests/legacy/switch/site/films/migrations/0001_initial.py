import chunked_upload.models
import chunked_upload.settings
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("chunked_upload", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Film",
            fields=[
                (
                    "chunkedupload_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                        to="chunked_upload.chunkedupload",
                    ),
                ),
                ("title", models.CharField(default="", max_length=100)),
            ],
            options={"abstract": False},
            bases=("chunked_upload.chunkedupload",),
        ),
        migrations.CreateModel(
            name="Poster",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "upload_id",
                    models.CharField(
                        default=chunked_upload.models.generate_upload_id, max_length=32
                    ),
                ),
                (
                    "file",
                    models.FileField(max_length=255, upload_to=chunked_upload.settings.UPLOAD_TO),
                ),
                (
                    "small",
                    models.FileField(
                        blank=True, upload_to=chunked_upload.settings.default_upload_to
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="chunked_upload.chunkedupload",
                    ),
                ),
                (
                    "film",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="films.film",
                    ),
                ),
                ("text", models.TextField()),
            ],
        ),
    ]
