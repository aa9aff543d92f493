"""What each host has."""

from django_hosts import host, patterns

host_patterns = patterns(
    "",
    host(r"media\..*", "tests.contexts.site.urls_of_media", name="media"),
    host(r".*", "tests.contexts.site.urls", name="www"),
)
