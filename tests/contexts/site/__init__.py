"""Sites whose middleware sets up what a request's work needs: `plain`, `rows` and `tenants`."""
