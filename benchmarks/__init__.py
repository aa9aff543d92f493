"""What tusbridge costs beside bare servers that do the least (``python -m benchmarks``)."""
