"""Compressed bodies: requests are unpacked to a limit, responses packed if asked."""

import gzip as reference
import json
import zlib

import pytest
import requests

pytest.importorskip("tensorflow_serving.apis")

from vectormix_tf.server import gzip  # noqa: E402
from vectormix_tf.server.model import RequestError  # noqa: E402

URL = "/v1/models/vectormix:predict"
BODY = json.dumps({"signature_name": "twice", "inputs": [1, 2.5]}).encode()
ANSWER = {"outputs": [2.0, 5.0]}


def post(server, data, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(server.rest + URL, data, headers=headers, timeout=30)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
def test_a_compressed_request_is_answered_like_the_plain_one(server, coding):
    answer = post(server, reference.compress(BODY), Content_Encoding=coding)
    assert (answer.status_code, answer.json()) == (200, ANSWER)
    halves = reference.compress(BODY[:9]) + reference.compress(BODY[9:])
    assert post(server, halves, Content_Encoding=coding).json() == ANSWER


def test_a_plain_request_may_name_its_coding(server):
    for coding in ("identity", ""):
        assert post(server, BODY, Content_Encoding=coding).json() == ANSWER


@pytest.mark.parametrize(
    ("asked", "compressed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("br, gzip; q=0.000", False),
        ("deflate", False),
    ],
)
def test_a_response_is_compressed_only_if_asked(server, asked, compressed):
    answer = post(server, BODY, Accept_Encoding=asked)
    assert answer.json() == ANSWER  # `requests` unpacks it
    assert (answer.headers.get("content-encoding") == "gzip") == compressed
    assert answer.headers["vary"] == "Accept-Encoding"


def test_errors_are_compressed_if_asked_as_well(server):
    answer = post(server, b"{", Accept_Encoding="gzip")
    assert answer.status_code == 400 and "JSON Parse error" in answer.json()["error"]
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("coding", ["deflate", "br", "gzip, gzip", "zstd"])
def test_another_coding_is_refused_by_name(server, coding):
    answer = post(server, zlib.compress(BODY), Content_Encoding=coding)
    assert answer.status_code == 415
    error = f"Content-Encoding {coding} is not supported; send gzip"
    assert answer.json() == {"error": error}


def test_a_bomb_is_unpacked_no_further_than_the_limit(server):
    bomb = reference.compress(bytes(64 << 20))
    assert len(bomb) < 1 << 17
    answer = post(server, bomb, Content_Encoding="gzip")
    error = "unpacked, the request has more than the limit of 1048576 bytes"
    assert (answer.status_code, answer.json()) == (413, {"error": error})
    assert post(server, BODY).json() == ANSWER
    most = reference.compress(BODY.ljust(1 << 20))
    assert post(server, most, Content_Encoding="gzip").json() == ANSWER


def test_many_small_members_count_together():
    bomb = reference.compress(bytes(1000)) * 11
    assert gzip.decoded(bomb, ["gzip"], 11_000) == bytes(11_000)
    with pytest.raises(RequestError, match="more than the limit of 10999") as caught:
        gzip.decoded(bomb, ["gzip"], 10_999)
    assert caught.value.http == 413


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        b"",
        reference.compress(BODY)[:-9],
        reference.compress(BODY)[:-9] + bytes(9),
        reference.compress(BODY) + b"more",
    ],
    ids=["plain", "empty", "cut", "damaged", "with a tail"],
)
def test_what_is_no_gzip_is_told(server, body):
    answer = post(server, body, Content_Encoding="gzip")
    assert answer.status_code == 400
    text = "the body is not the gzip that Content-Encoding says: "
    assert answer.json()["error"].startswith(text)


def test_the_host_that_a_client_names_is_no_part_of_the_path(server):
    answer = post(server, BODY, Host="elsewhere/v1")
    assert (answer.status_code, answer.json()) == (200, ANSWER)
