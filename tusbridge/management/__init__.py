"""What operators call: the functions behind ``manage.py`` and ``tusbridge`` commands alike."""
