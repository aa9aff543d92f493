"""A site's app, written against ``chunked_upload`` alone."""
