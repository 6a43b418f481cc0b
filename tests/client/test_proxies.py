"""Proxies of the environment: never for this machine, and named when they refuse."""

import http.server
import threading

import pytest
from refusing_server import HTML, Proxy

from vectormix_tf.client import connection, proxies
from vectormix_tf.client.connection import connect
from vectormix_tf.errors import ServerError

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Without proxies; and no one waits for a server that is down."""
    for name in (*VARIABLES, "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(connection, "WAITS", ())
    return monkeypatch


def refused(address):
    with connect(address, timeout=10) as found, pytest.raises(ServerError) as caught:
        found.status()
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and "secret" not in text and "ann" not in text
    return caught.value.code, text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1",
             "::ffff:127.0.0.1", "::1%lo"]
)  # fmt: skip
def test_this_machine_is_reached_without_a_proxy(host, environment):
    for name in VARIABLES:
        environment.setenv(name, "http://proxy.test:3128")
    assert proxies.is_local(host) and proxies.of_grpc(host) is None
    shown = f"[{host}]" if ":" in host else host
    assert proxies.of_rest(f"http://{shown}:8501") is None


@pytest.mark.parametrize("host", ["example.test", "localhost.example.test", "10.0.0.1",
                                  "::2", "128.0.0.1"])  # fmt: skip
def test_other_hosts_are_reached_through_it(host, environment):
    environment.setenv("http_proxy", "http://proxy.test:3128")
    assert (
        str(proxies.of_grpc(host)) == "the proxy http://proxy.test:3128 from http_proxy"
    )
    shown = f"[{host}]" if ":" in host else host
    assert proxies.of_rest(f"http://{shown}:8501") == proxies.of_grpc(host)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_here_answers_whatever_proxies_there_are(
    server, transport, host, environment
):
    with Proxy(502) as proxy:
        for name in VARIABLES:
            environment.setenv(name, proxy.with_password)
        address = getattr(server, transport).replace("127.0.0.1", host)
        with connect(address) as found:
            assert found.status() == 3 and found.about("limits")["size"] == 128
    assert proxy.seen == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "PERMISSION_DENIED"),
        (407, "UNAUTHENTICATED"),
        (502, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (200, "UNKNOWN"),  # a page to log in
    ],
)
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_proxy_that_answers_in_a_servers_place_is_named(
    status, code, name, environment
):
    with Proxy(status) as proxy:
        environment.setenv(name, proxy.with_password)
        found, text = refused("http://example.test:8501")
    assert found == code
    assert f"the proxy {proxy.address} from {name}, or what is behind it" in text
    assert f"answered HTTP {status}" in text
    assert "no_proxy=example.test goes around it" in text
    assert proxy.seen[0][0].startswith("GET http://example.test:8501/v1/models/")


@pytest.mark.parametrize("status", [403, 407])
@pytest.mark.parametrize(
    ("name", "address"),
    [("https_proxy", "https://example.test"), ("ALL_PROXY", "https://example.test"),
     ("grpc_proxy", "grpc://example.test"), ("http_proxy", "grpc://example.test")],
)  # fmt: skip
def test_a_proxy_that_refuses_to_connect_is_named(
    status, name, address, environment, capfd
):
    with Proxy(status) as proxy:
        environment.setenv(name, proxy.with_password)
        code, text = refused(address)
    assert code == "UNAVAILABLE" and f"the proxy {proxy.address} from {name}" in text
    assert str(status) in text and "no_proxy=example.test goes around it" in text
    assert proxy.seen[0][0].startswith("CONNECT example.test:")


def test_a_proxy_that_is_down_is_named(environment):
    environment.setenv("http_proxy", "http://127.0.0.1:9")
    code, text = refused("http://example.test")
    assert code == "UNAVAILABLE"
    assert "the proxy http://127.0.0.1:9 from http_proxy: Connection refused" in text


@pytest.mark.parametrize("name", ["no_proxy", "no_grpc_proxy"])
def test_a_host_that_is_excepted_has_no_proxy(name, environment):
    environment.setenv("http_proxy", "http://proxy.test:3128")
    environment.setenv(name, "other.test,example.test")
    assert proxies.of_grpc("example.test") is None
    assert proxies.of_grpc("example.org") is not None
    if name == "no_proxy":
        assert proxies.of_rest("http://example.test:8501") is None


def test_passwords_of_other_programs_are_not_sent(environment, tmp_path):
    (tmp_path / "netrc").write_text("default login ann password secret\n")
    environment.setenv("NETRC", str(tmp_path / "netrc"))
    with Proxy(403) as other:
        refused(other.address)
    assert "Authorization" not in other.seen[0][1]


# --- Other servers that are none of this API ------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"model_version_status": 3}',
     b'{"model_version_status": [{"version": "new", "state": "AVAILABLE"}]}'],
)  # fmt: skip
def test_json_of_another_api_is_told(body):
    with Proxy(200, body) as other:
        code, text = refused(other.address)
    assert code == "INTERNAL"
    assert f"what answers at {other.address} does not have the API" in text


@pytest.mark.parametrize("body", [b"[1]", b'"text"', HTML, b"\xff"])
def test_an_answer_that_is_no_json_object_is_told(body):
    with Proxy(200, body) as other:
        code, text = refused(other.address)
    assert code == "UNKNOWN" and "HTTP 200, and no JSON" in text


@pytest.mark.parametrize(
    ("status", "code"), [(502, "UNAVAILABLE"), (404, "NOT_FOUND"), (418, "UNKNOWN")]
)
def test_a_page_of_a_web_server_is_told_by_its_status(status, code):
    with Proxy(status) as other:
        found, text = refused(other.address)
    assert found == code and f"HTTP {status}, and no JSON" in text
    assert "proxy" not in text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_and_not_followed(status):
    """Of a POST request it would make a GET request."""
    place = "https://example.test/v1"
    with Proxy(status, b"", [("Location", place)]) as other:
        _, text = refused(other.address)
    assert f"HTTP {status} leads to {place}: use the address of that server" in text
    assert len(other.seen) == 1


def test_a_server_that_gives_up_is_not_said_to_have_used_up_the_clients_time():
    with Proxy(504, b'{"error": "the request took longer than 30 seconds"}') as other:
        code, text = refused(other.address)
    assert code == "DEADLINE_EXCEEDED"
    assert "gave up: the request took longer than 30 seconds; request less" in text


def test_a_response_that_comes_too_slowly_ends_in_time():
    gate = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not gate.wait(0.05):
                self.wfile.write(b" " * (1 << 10))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as slow:
        threading.Thread(target=slow.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{slow.server_port}"
        with (
            connect(address, timeout=0.4) as found,
            pytest.raises(ServerError) as error,
        ):
            found.status()
        gate.set()
        slow.shutdown()
    assert error.value.code == "DEADLINE_EXCEEDED"
    assert "did not answer within 0.4 seconds" in str(error.value)
