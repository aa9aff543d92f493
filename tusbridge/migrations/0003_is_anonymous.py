from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tusbridge', '0002_legacy'),
    ]

    operations = [
        migrations.AddField(
            model_name='upload',
            name='is_anonymous',
            field=models.BooleanField(default=None, editable=False, null=True),
        ),
    ]
