"""The proxy that the environment puts between this process and a server.

The machine itself is never reached through one: its own servers are meant by
"localhost", and a proxy elsewhere would look for them on its own machine.
"""

import ipaddress
import os
import urllib.parse
import urllib.request
from typing import NamedTuple

# In this order; gRPC reads them in lower case only (its documentation, "Environment
# variables"; `all_proxy` is not among them).
_GRPC_NAMES = ("grpc_proxy", "https_proxy", "http_proxy")
_GRPC_EXCEPTIONS = ("no_grpc_proxy", "no_proxy")


class Proxy(NamedTuple):
    """A proxy.

    Attributes:
        url: Its address, which may contain a password.
        source: The environment variable that names it.
        host: The server that is reached through it.
    """

    url: str
    source: str
    host: str

    def __str__(self) -> str:
        scheme, colon, rest = self.url.rpartition("://")
        shown = f"{scheme}{colon}{rest.rpartition('@')[2]}".rstrip("/")
        return f"the proxy {shown} from {self.source}"

    @property
    def remedy(self) -> str:
        """What avoids it."""
        return f"no_proxy={self.host} goes around it"


def is_local(host: str) -> bool:
    """Whether a host name or address without brackets means this machine itself."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def of_grpc(host: str) -> Proxy | None:
    """Returns the proxy that gRPC uses for a host, or None."""
    names = (name for name in _GRPC_NAMES if os.environ.get(name))
    source = next(names, None)
    if source is None or is_local(host):
        return None
    url = os.environ[source]
    excluded = next(filter(None, map(os.environ.get, _GRPC_EXCEPTIONS)), "")
    if urllib.request.proxy_bypass_environment(host, {"no": excluded}):
        return None
    # Proxies of other kinds are ignored by gRPC.
    return Proxy(url, source, host) if url.startswith("http://") else None


def of_rest(root: str) -> Proxy | None:
    """Returns the proxy for a URL, as the package requests finds it, or None."""
    from requests.utils import get_environ_proxies, select_proxy

    scheme, host = root.partition(":")[0], urllib.parse.urlsplit(root).hostname or ""
    url = None if is_local(host) else select_proxy(root, get_environ_proxies(root))
    if not url:
        return None
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    named = (name for name in names if os.environ.get(name) == url)
    return Proxy(url, next(named, "the system's settings"), host)
