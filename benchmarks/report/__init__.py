"""What was measured, as text, Markdown and a chart."""
