"""Who asks: cookies, and addresses behind proxies.

A session's token is in a cookie that no script reads and no other site's form sends;
programs may send it as `Authorization: Bearer TOKEN` instead. Over https the cookie has
the prefix `__Host-`, so that no other host of the same domain can set it.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from vectormix_tf.studio.web.options import Options

COOKIE, SECURE_COOKIE = "session", "__Host-session"
BEARER = "bearer "
# The longest that browsers keep one; when a session ends is said by the database.
COOKIE_SECONDS = 400 * 24 * 3600
BROWSERS = (
    ("Firefox", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def cookie_name(options: Options) -> str:
    """Name of the session's cookie."""
    return SECURE_COOKIE if options.is_secure else COOKIE


def cookie_token(connection: HTTPConnection, options: Options) -> str:
    """The token of the cookie, or ""."""
    return connection.cookies.get(cookie_name(options), "")


def token_of(connection: HTTPConnection, options: Options) -> str:
    """The token that a request brings, or ""."""
    told = connection.headers.get("authorization", "")
    if told.lower().startswith(BEARER):
        return told[len(BEARER) :].strip()
    return cookie_token(connection, options)


def set_cookie(
    answer: Response, options: Options, token: str, seconds: float = COOKIE_SECONDS
) -> None:
    """Lets a browser keep a session's token."""
    answer.set_cookie(
        cookie_name(options),
        token,
        max_age=int(seconds),
        secure=options.is_secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(answer: Response, options: Options) -> None:
    """Lets a browser forget it."""
    set_cookie(answer, options, "", 0)


def address_of(connection: HTTPConnection, options: Options) -> str | None:
    """The network address of who asks; None if it cannot be known.

    It is known only where proxies are named: else all people behind one that is not
    would have one address. Of X-Forwarded-For, what comes before the last address that
    is none of our proxies was written by who asks.
    """
    if not options.proxies or connection.client is None:
        return None
    peer = connection.client.host
    told = ",".join(connection.headers.getlist("x-forwarded-for"))
    chain = [each.strip() for each in told.split(",") if each.strip()]
    while options.is_proxy(peer) and chain:
        peer = chain.pop()
    return None if options.is_proxy(peer) else peer


def device_of(connection: HTTPConnection) -> str:
    """What a browser calls itself, in two words: "Firefox on Linux"."""
    told = connection.headers.get("user-agent", "")
    browser = next((name for sign, name in BROWSERS if sign in told), "A program")
    system = next((name for sign, name in SYSTEMS if sign in told), "")
    return f"{browser} on {system}" if system else browser
