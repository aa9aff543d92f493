"""The runnable server: ``tusbridge serve``. Nothing in the app imports it."""
