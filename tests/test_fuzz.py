"""Files, flags and requests that nobody would write: a result, or one line.

Slow: `-m slow tests/test_fuzz.py` takes ten minutes. The examples are the same in each
run; `--hypothesis-seed=N` draws others.
"""

import base64
import io
import json
import os
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import requests
from cli_cases import QUICK, SETTINGS, contents, new_files, picture
from hypothesis import HealthCheck, given, settings
from PIL import Image
from requests_of_toy import PAIR, REST

from vectormix_tf.benchmark.processes import peak_memory
from vectormix_tf.cli.main import main
from vectormix_tf.config.setting import settings_of
from vectormix_tf.errors import InputError
from vectormix_tf.io import images

pytestmark = pytest.mark.slow

MOST_MEMORY = 400e6  # bytes that all damaged files together may add to the process


def fuzzed(examples):
    """Settings of so many examples, which may write into one folder."""
    return settings(
        max_examples=examples, suppress_health_check=list(HealthCheck), print_blob=True
    )


# --- Files ----------------------------------------------------------------------------

FORMATS = {
    "PNG": {},
    "JPEG": {"quality": 80},
    "WEBP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "GIF": {},
    "BMP": {},
    "AVIF": {},
}


def encoded(kind, mode="RGB"):
    file = io.BytesIO()
    picture(0, 40, 56).convert(mode).save(file, kind, **FORMATS[kind])
    return file.getvalue()


FILES = {kind: encoded(kind) for kind in FORMATS}
FILES["PNG with alpha"] = encoded("PNG", "RGBA")
FILES["plain TIFF"] = encoded("TIFF", "L")


@st.composite
def damaged(draw, data):
    """Bytes of a file of which some were changed, removed, repeated or cut off."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        # Headers are at the beginning, where a change says more.
        at = min(
            draw(st.one_of(st.integers(0, 64), st.integers(0, len(data)))), len(data)
        )
        what = draw(st.sampled_from(["set", "set", "insert", "remove", "cut"]))
        if what == "set":
            new = draw(st.binary(min_size=1, max_size=8))
            data[at : at + len(new)] = new
        elif what == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=64))
        elif what == "remove":
            del data[at : at + draw(st.integers(1, 64))]
        elif at:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_a_finite_picture_or_one_line(kind, tmp_path):
    path, before = tmp_path / "damaged", peak_memory()

    @fuzzed(1500)
    @given(data=damaged(FILES[kind]))
    def check(data):
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = images.read(str(path), max_pixels=10_000_000)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            return
        assert read.pixels.dtype == np.float32 and read.pixels.ndim == 4
        assert read.pixels.min() >= 0 and read.pixels.max() <= 1  # so no NaN

    check()
    assert peak_memory() - before < MOST_MEMORY


# --- Flags ----------------------------------------------------------------------------

# Numbers of these cost time or memory in proportion.
COSTLY = {"size": 160, "steps": 3, "octaves": 3, "max_pixels": 10**9, "threads": 2}
COSTLY |= {"octave_steps": 1.5, "finish_steps": 3, "style_levels": 3, "guide_size": 160}
COSTLY |= {"style_scale": 2.0}
NUMBERS = ["0", "-1", "1", "nan", "inf", "-inf", "1e38", "1e-38", "1e999", "", "0x10"]
TEXTS = ["", " ", "none", "~", "é", "a,b", "mixed3:0", "conv1a:-1", "\x00", "no.png"]


def values_of(name, setting):
    """Texts for a flag: at its range, beyond it, of its choices, and of none."""
    if setting.kind is bool:
        return st.sampled_from(["true", "false", "2", ""])
    if setting.low is not None:
        high = COSTLY.get(name, setting.high)
        edges = [setting.low, high, (setting.low + high) / 2]
        beyond = [setting.low - 1, setting.high * 2 + 1]
        return st.sampled_from([f"{each:g}" for each in edges + beyond] + NUMBERS)
    return st.sampled_from([*(setting.choices or ()), *TEXTS])


def flags_of(command):
    known = {
        name: each
        for name, each in settings_of(SETTINGS[command]).items()
        if each.flag and name not in ("weights", "backbone", "xla", "precision")
    }
    return st.lists(
        st.sampled_from(sorted(known)), min_size=1, max_size=3, unique=True
    ).flatmap(
        lambda names: st.tuples(
            *(values_of(n, known[n]).map(lambda v, n=n: f"--{n}={v}") for n in names)
        )
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two pictures in it."""
    picture(1, 96, 96).save(tmp_path / "photo.png")
    picture(2, 96, 96).save(tmp_path / "painting.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_any_flags_are_a_finite_picture_or_one_line(command, folder, capsys):
    inputs = {
        "mix": ["--content=photo.png", "--style=painting.png"],
        "dream": ["--image=photo.png"],
    }[command]
    before = contents(folder)

    @fuzzed(60)
    @given(flags=flags_of(command))
    def check(flags):
        capsys.readouterr()
        code = main([command, *inputs, "--output=out.png", *QUICK[command], *flags])
        out, err = capsys.readouterr()
        assert out == "" and "Traceback" not in err
        written = new_files(folder)
        if code == 0:
            assert written == ["out.png"]
            with Image.open("out.png") as made:
                assert made.size[0] <= 500 and np.isfinite(np.asarray(made)).all()
            os.unlink("out.png")
        else:
            lines = [line for line in err.splitlines() if "notice: " not in line]
            assert code == 2 and lines[-1].startswith("vectormix: ")
            assert written in ([], ["out.png"])  # of a run that became NaN
            for name in written:
                os.unlink(name)
        assert contents(folder) == before

    check()


# --- Requests -------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=32).map(lambda b: {"b64": base64.b64encode(b).decode()}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
GOOD = {name: {"b64": base64.b64encode(v).decode()} for name, v in PAIR.items()} | REST


def test_any_request_is_an_answer_or_one_line(server):
    url = f"{server.rest}/v1/models/vectormix:predict"

    def sent(body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = requests.post(url, data=data, timeout=60)
        assert answer.status_code in (200, 400, 404, 413, 415, 429), answer.text
        if answer.status_code != 200:
            assert len(answer.json()["error"].splitlines()) <= 1

    @fuzzed(150)
    @given(
        changes=st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, max_size=2),
        others=st.dictionaries(st.text(max_size=8), JSON, max_size=1),
        shape=st.sampled_from(["inputs", "instances", "none"]),
    )
    def check(changes, others, shape):
        values = GOOD | changes
        body = {"inputs": values, "instances": [values], "none": values}[shape]
        sent(({shape: body} if shape != "none" else body) | others)

    @fuzzed(150)
    @given(data=damaged(json.dumps({"inputs": GOOD}).encode()))
    def check_bytes(data):
        sent(data)

    check()
    check_bytes()
