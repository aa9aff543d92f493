"""A site of django-tenants: each tenant has a schema of its own, uploads included."""
