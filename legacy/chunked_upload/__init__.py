"""The original's names: an app with its label and table, over tusbridge's uploads."""
