"""Where the web process listens, and who it believes."""

import dataclasses
import ipaddress
import urllib.parse

from vectormix_tf.errors import InputError
from vectormix_tf.studio import ports

PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Where the web process listens, and who it believes.

    Attributes:
        host: Address to listen on.
        port: To listen on.
        public_url: What people type, e.g. "https://studio.example"; None for
            http://HOST:PORT.
        proxies: Addresses or networks of proxies whose X-Forwarded-For is believed.
        metrics_port: Of Prometheus' metrics; None for none.
        filter: MODULE:FUNCTION of the operator that looks at a picture before it is
            published; see `moderation.load_filter`. None for none.
        share_port: Whether other web processes listen at the same port.

    Raises:
        InputError: If an address is none, or a port cannot be shared here.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    proxies: tuple[str, ...] = ()
    metrics_port: int | None = None
    filter: str | None = None
    share_port: bool = False

    def __post_init__(self) -> None:
        if self.share_port:
            ports.check_can_share()
        if self.public_url is not None and origin_of(self.public_url) is None:
            raise InputError(
                "`public_url` must be like https://studio.example, without a path;"
                f" received {self.public_url!r}."
            )
        for each in self.proxies:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError as error:
                text = f"`proxies` must be addresses or networks; received {each!r}."
                raise InputError(text) from error

    @property
    def is_secure(self) -> bool:
        """Whether people come by https."""
        return (self.public_url or "").lower().startswith("https:")

    def is_proxy(self, address: str) -> bool:
        """Whether an address is one of a named proxy."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        networks = (ipaddress.ip_network(each, strict=False) for each in self.proxies)
        return any(found.version == each.version and found in each for each in networks)


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin, "http://HOST[:PORT]"; None if it is none."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    if port is None or not parts.hostname or not bare or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port
