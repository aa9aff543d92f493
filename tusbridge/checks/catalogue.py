"""All that the checks may say: an id that never changes, a text, and what to do about it."""

from dataclasses import dataclass

from django.core import checks
from django.core.checks import CheckMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A message of a check before its facts are filled in; errors are E, warnings W."""

    id: str
    text: str
    hint: str

    def __call__(self, **facts: object) -> CheckMessage:
        """The message about these facts."""
        kind = checks.Error if self.id.startswith("E") else checks.Warning
        return kind(self.text.format(**facts), hint=self.hint, id=f"tusbridge.{self.id}")


INVALID_SETTINGS = Finding(
    id="E001",
    text="{why}",
    hint="The settings and their defaults are listed in docs/settings.md.",
)
WRONG_MODEL = Finding(
    id="E002",
    text="{why}",
    hint="Derive a model from tusbridge.models.AbstractUpload, and name it as in 'app.Model'.",
)
NO_STORAGE = Finding(
    id="E003",
    text="TUSBRIDGE['STORAGE'] = {alias!r} cannot be used: {why}",
    hint="Name an alias of STORAGES whose backend can be imported.",
)
NO_STORE = Finding(
    id="E004",
    text="No upload can be kept for TUSBRIDGE['STORAGE'] = {alias!r}: {why}.",
    hint="Set TUSBRIDGE['PARTIALS_DIR'] to a folder on a disk of this machine.",
)
NO_POLICY = Finding(
    id="E005",
    text="{why}",
    hint="Derive a class from tusbridge.policy.Policy, and name it by its dotted path.",
)
NO_USERS = Finding(
    id="E006",
    text="Nobody can upload: the policy asks for logged-in users, and no middleware finds them.",
    hint="Add django.contrib.sessions.middleware.SessionMiddleware and behind it "
    "django.contrib.auth.middleware.AuthenticationMiddleware to MIDDLEWARE, or name another "
    "POLICY. If a middleware of your own sets request.user, silence this check.",
)
PUBLISHED_PARTIALS = Finding(
    id="E007",
    text="Unfinished uploads would lie in {folder}, which is inside {where}: web servers publish "
    "that.",
    hint="Set TUSBRIDGE['PARTIALS_DIR'] to a folder outside of it; for a FileSystemStorage on the "
    "same file system.",
)
WRONG_UPLOAD_TO = Finding(
    id="E008",
    text="TUSBRIDGE['UPLOAD_TO'] = {value!r} {why}.",
    hint="Name a folder relative to the storage's, such as 'uploads'.",
)
WRONG_ORIGIN = Finding(
    id="E009",
    text="TUSBRIDGE['CORS_ORIGINS']: {value!r} {why}, so no page ever matches it.",
    hint="Write scheme and host: 'https://app.example' or 'http://localhost:3000'; "
    "'https://*.app.example' stands for all subdomains, 'http://localhost:*' for any port, '*' for "
    "any origin.",
)
NO_SLASH = Finding(
    id="E010",
    text="tusbridge.urls is mounted at {path!r}, with no slash at its end: no upload can be found.",
    hint="Write path('files/', include('tusbridge.urls')).",
)
NO_AUTOCOMMIT = Finding(
    id="E011",
    text="DATABASES[{alias!r}] has AUTOCOMMIT off: offsets and leases would not be committed.",
    hint="Remove AUTOCOMMIT from it; every statement of an upload is a transaction of its own.",
)
NO_SCOPE = Finding(
    id="E013",
    text="TUSBRIDGE['REQUEST_SCOPES']: {value!r} {why}.",
    hint="Name an entry of MIDDLEWARE, or a callable that takes the request and returns a context "
    "manager.",
)
NO_POSIX = Finding(
    id="E050",
    text="{why}.",
    hint="Run the site on Linux or macOS.",
)
DISK_REFUSED = Finding(
    id="E051",
    text="No upload can be kept: {why}.",
    hint="Set TUSBRIDGE['PARTIALS_DIR'] to a folder on another disk.",
)

OTHER_FILE_SYSTEM = Finding(
    id="W001",
    text="Unfinished uploads in {folder} lie on another file system than {location}: each one is "
    "copied when it is complete.",
    hint="Set TUSBRIDGE['PARTIALS_DIR'] to a folder on the storage's file system.",
)
NOT_WRITABLE = Finding(
    id="W002",
    text="This user cannot write to {folder}.",
    hint="Give it to the user that the server runs as; if that is another one, ignore this.",
)
NO_WAL = Finding(
    id="W003",
    text="The SQLite database DATABASES[{alias!r}] is not in WAL mode: readers and writers shut "
    "each other out.",
    hint="Add 'init_command': 'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;' to its OPTIONS.",
)
ISOLATION = Finding(
    id="W004",
    text="DATABASES[{alias!r}] runs with a stricter isolation than READ COMMITTED: requests that "
    "meet at one upload fail with 503.",
    hint="Remove isolation_level from its OPTIONS; every statement is right by itself.",
)
NO_HEALTH_CHECKS = Finding(
    id="W005",
    text="DATABASES[{alias!r}] keeps connections (CONN_MAX_AGE) and does not look whether they "
    "still live: after a restart of the database the next requests fail.",
    hint="Set CONN_HEALTH_CHECKS to True beside it.",
)
SHORT_EXPIRY = Finding(
    id="W006",
    text="TUSBRIDGE['EXPIRE_AFTER'] ({expire_after} s) is shorter than READ_TIMEOUT "
    "({read_timeout} s): an upload may expire under a client that is only slow.",
    hint="Let uploads live longer than a request may be silent; a day is the default.",
)
CORSHEADERS = Finding(
    id="W007",
    text="django-cors-headers answers the preflights of {path!r} too, {how}.",
    hint="Set TUSBRIDGE['CORS_ORIGINS'], and leave the path out of CORS_URLS_REGEX.",
)
ORIGIN_WITHOUT_COOKIES = Finding(
    id="W008",
    text="TUSBRIDGE['CORS_ORIGINS']: {value!r} stands for more than one origin, whose pages "
    "browsers lend no cookies, and the policy needs the session's.",
    hint="List the origins by name, or use a policy that takes tokens.",
)
UNTRUSTED_ORIGIN = Finding(
    id="W009",
    text="TUSBRIDGE['CORS_ORIGINS']: {value!r} is not in CSRF_TRUSTED_ORIGINS, and the policy "
    "asks Django's CSRF check about sessions: its pages are refused.",
    hint="Add it to CSRF_TRUSTED_ORIGINS, if its pages are to upload with a session.",
)
GZIP = Finding(
    id="W010",
    text="GZipMiddleware compresses downloads of uploads: their length is not told, one that "
    "breaks off begins anew, and ranges are not what they say.",
    hint="Let the web server compress what is worth it, or subclass GZipMiddleware and leave "
    "the path of uploads out.",
)
WRAPPED_VIEW = Finding(
    id="W011",
    text="The view behind {path!r} has lost its marks ({marks}): something is wrapped around it "
    "that does not pass them on.",
    hint="Use functools.wraps in the decorator, or include tusbridge.urls without it.",
)
RELATIVE_FOLDER = Finding(
    id="W012",
    text="{setting} is {value!r}: where files lie depends on the folder that a process is started "
    "in.",
    hint="Name the folder by its whole path.",
)
THREAD_BOUND = Finding(
    id="W014",
    text="{package} keeps the request in its thread, and large uploads are written, completed and "
    "announced in other threads. Add {scope!r} to TUSBRIDGE['REQUEST_SCOPES'].",
    hint="docs/contexts.md says what a scope does, and how to write one. If nothing that uploads "
    "set off needs the package, silence this check.",
)
NO_BARE_MOUNT = Finding(
    id="W015",
    text="A POST to {path!r}, without the slash, is answered with a redirect, which loses it: some "
    "clients cannot create uploads.",
    hint="Write urlpatterns += mount('files/'), with mount from tusbridge.urls, or wrap the "
    "application in TusbridgeASGI or TusbridgeWSGI.",
)
BODY_READER = Finding(
    id="W030",
    text="{path} reads the bodies of requests ({why}). On plain WSGI or ASGI that holds an "
    "upload's bytes in memory first, refuses requests of more than DATA_UPLOAD_MAX_MEMORY_SIZE "
    "with 400, and what it throws away cannot be stored.",
    hint="Wrap Django's application in TusbridgeWSGI or TusbridgeASGI: the middleware then finds "
    "no body in requests that bring bytes of uploads. Where it is wrapped, silence this check.",
)
DAPHNE = Finding(
    id="W031",
    text="daphne is in INSTALLED_APPS: it reads every request whole before an application gets any "
    "of it, so nothing is kept of one that breaks off, and uploads fill memory and disk.",
    hint="Serve uploads by uvicorn or granian, with TusbridgeASGI (docs/servers.md). If daphne is "
    "there for runserver only, silence this check.",
)
EMPTY_COLUMN = Finding(
    id="W040",
    text="{model} has columns that have to be filled and have no default: {columns}. tus gives "
    "them no value, so each upload that it begins is refused (row-refused).",
    hint="Give them a default, db_default or null=True. If save(), a receiver of pre_save or the "
    "database fills them, silence this check.",
)
DISK_LACKS = Finding(
    id="W050",
    text="{why}.",
    hint="docs/storages.md says what works without. To have it, use another disk; if it is not "
    "needed, silence this check.",
)

ANONYMOUS = Finding(
    id="W020",
    text="TUSBRIDGE['ALLOW_ANONYMOUS'] is on, though users can log in: whoever knows the id of an "
    "upload that was begun without a login can read and delete it.",
    hint="Turn it off, unless uploads without a login are wanted.",
)
FORGED_LOCATION = Finding(
    id="W021",
    text="TUSBRIDGE['ABSOLUTE_LOCATION'] is on, and ALLOWED_HOSTS takes any name: Location says "
    "whatever host a client named.",
    hint="List the site's names in ALLOWED_HOSTS, or turn ABSOLUTE_LOCATION off.",
)
PLAIN_LOCATION = Finding(
    id="W022",
    text="TUSBRIDGE['ABSOLUTE_LOCATION'] is on without SECURE_PROXY_SSL_HEADER: behind a proxy "
    "that ends TLS, Location begins with http:// and pages on https:// cannot follow it.",
    hint="Turn ABSOLUTE_LOCATION off (a path is right behind any proxy), or set "
    "SECURE_PROXY_SSL_HEADER. If this server ends TLS itself, silence this check.",
)


def all_findings() -> dict[str, Finding]:
    """Every finding by its id."""
    found = [value for value in globals().values() if isinstance(value, Finding)]
    return {f"tusbridge.{finding.id}": finding for finding in found}
