"""Files, flags and requests that nobody would write: a result, or one line.

Slow: `-m slow tests/test_fuzz.py` takes ten minutes. The examples are the same in each
run; `--hypothesis-seed=N` draws others, and VECTORMIX_FUZZ=N draws N times as many.
"""

import base64
import contextlib
import os
import pathlib
import shutil
import socket
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import requests
from cli_cases import (
    PICTURES,
    ROWS,
    RUNS,
    SETTINGS,
    contents,
    new_files,
    picture,
)
from fuzzing import (
    JSON,
    as_json,
    damaged,
    damaged_picture,
    flags_of,
    fuzzed,
    pictures,
    resident,
)
from hypothesis import given
from PIL import Image
from requests_of_toy import PAIR, REST

from vectormix_tf.cli import flagfile, job
from vectormix_tf.cli.commands import layers, serve
from vectormix_tf.cli.main import main
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, masks
from vectormix_tf.io.series import Series
from vectormix_tf.tfserving import messages

pytestmark = pytest.mark.slow

MOST_GROWTH = 150e6  # bytes that a process may grow by after a warm-up
WARM_UP = 50  # examples


def without_growth(check):
    """Runs a check of (examples) twice: the second time memory may hardly grow."""
    check(WARM_UP)
    before = resident()
    check(None)
    assert resident() - before < MOST_GROWTH


# --- Files ----------------------------------------------------------------------------

FILES = pictures(pathlib.Path(__file__).parent / "io/pictures")


@pytest.fixture
def refuses_or(tmp_path):
    """(data, read, check): reads a file with these bytes; what it gives is checked."""
    path = tmp_path / "damaged"

    def run(data, read, check=lambda _: None):
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read(str(path))
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            check(found)
        assert os.listdir(tmp_path) == ["damaged"] and path.read_bytes() == data

    return run


def is_finite(read):
    assert read.pixels.dtype == np.float32 and read.pixels.ndim == 4
    assert read.pixels.min() >= 0 and read.pixels.max() <= 1  # so no NaN
    if read.transparency is not None:
        assert read.transparency.min() >= 0 and read.transparency.max() <= 1


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_picture_is_finite_or_one_line(kind, refuses_or):
    def check(examples):
        @fuzzed(examples or 400)
        @given(data=damaged_picture(FILES[kind]))
        def draw(data):
            refuses_or(data, lambda p: images.read(p, 10_000_000), is_finite)

        draw()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the range of numbers was guessed
        if kind not in ("PPM", "PGM"):  # which are refused, whole or not
            is_finite(images.read(FILES[kind]))
    without_growth(check)


PNG = FILES["PNG"]


@pytest.mark.parametrize("kind", ["PNG", "PNG deep", "JPEG", "TIFF float", "GIF film"])
def test_a_damaged_mask_is_finite_or_one_line(kind, refuses_or):
    def in_range(mask):
        assert mask.shape == (1, 20, 30, 1) and 0 <= mask.min() <= mask.max() <= 1

    @fuzzed(200)
    @given(data=damaged(FILES[kind]))
    def check(data):
        refuses_or(data, lambda p: masks.read_mask(p, (20, 30), 10**7), in_range)

    check()


FLAGS = "# of mix\n--size=512\n--alpha=0.5\n--flagfile=other\n--content=\u00e9.png\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_damaged_flagfile_is_words_or_one_line(encoding, refuses_or):
    @fuzzed(400)
    @given(data=damaged(FLAGS.replace("flagfile", "x").encode(encoding)))
    def check(data):
        refuses_or(data, lambda path: flagfile.expand([f"--flagfile={path}"]))

    check()


@fuzzed(300)
@given(data=st.data())
def _damaged_series(folder, data):
    kept = (folder / "series.json").read_bytes()
    broken = data.draw(damaged(kept))
    (folder / "series.json").write_bytes(broken)
    try:
        with contextlib.suppress(InputError):
            Series(str(folder), "sweep", {"n": 2}, ITEMS, [])
        assert (folder / "series.json").read_bytes() == broken
    finally:
        (folder / "series.json").write_bytes(kept)


ITEMS = {"1.png": {"alpha": 0.1}, "2.png": {"alpha": 0.2}}


def test_a_damaged_series_is_continued_or_one_line_and_stays_as_it_is(tmp_path):
    series = Series(str(tmp_path / "s"), "sweep", {"n": 2}, ITEMS, [])
    series.begin()
    series.add("1.png", PNG)
    _damaged_series(tmp_path / "s")
    assert Series(str(tmp_path / "s"), "sweep", {"n": 2}, ITEMS, []).has("1.png")


def test_a_damaged_checkpoint_is_one_line(tmp_path, refuses_or):
    from vectormix_tf.optim import checkpoint
    from vectormix_tf.optim.loop import Checkpoint

    x = np.zeros([1, 4, 5, 3], np.float32)
    path = tmp_path / "run.ckpt"
    stand = Checkpoint(octave=0, step=1, x=x, values=x, state=[x], losses=x, seconds=1)
    checkpoint.save(path, stand, {"command": "mix"})
    whole = path.read_bytes()
    path.unlink()

    def never(_):
        raise AssertionError("a damaged checkpoint was read")

    @fuzzed(400)
    @given(data=damaged(whole).filter(lambda data: data != whole))
    def check(data):
        refuses_or(data, lambda p: checkpoint.load(p, {"command": "mix"}), never)

    check()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_damaged_weights_file_is_finite_or_one_line(write, tmp_path, refuses_or):
    from vectormix_tf.backbone import folded, load
    from vectormix_tf.config.backbones import BACKBONES

    path, drawn = tmp_path / "weights.npz", np.random.default_rng(0)
    arrays = {"kernel": drawn.random((3, 3, 3, 4)), "bias": drawn.random(4)}
    write(path, **{f"conv_00/{n}": np.float16(array) for n, array in arrays.items()})
    whole = path.read_bytes()
    path.unlink()
    kind = BACKBONES["inception_v3"]

    def finite(pairs):
        assert all(np.isfinite(array).all() for pair in pairs for array in pair)

    @fuzzed(600)
    @given(data=damaged(whole))
    def check(data):
        refuses_or(data, lambda p: load._from_file(p, kind, folded.read), finite)

    check()


# --- Flags ----------------------------------------------------------------------------

ARGUMENTS = {name: [name, *inputs] for name, inputs in PICTURES.items()}
ARGUMENTS["grid"] += ROWS
ARGUMENTS |= {
    "visualize": ["visualize", "--layer=conv2a"],
    "atlas": ["atlas", "--layer=conv2a"],
    "classify": ["classify", "photo.png"],
    "layers": ["layers"],
    "export": ["export", "--output=models"],
    "serve": ["serve", "--model=models"],
}
RANGES = SETTINGS | dict.fromkeys(("visualize", "atlas"), VisualizeSettings)
RANGES["export"] = ExportSettings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two pictures in it."""
    picture(1, 96, 96).save(tmp_path / "photo.png")
    picture(2, 96, 96).save(tmp_path / "painting.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Began(BaseException):
    """A command has no more objections and would load TensorFlow."""


@pytest.mark.parametrize("command", ARGUMENTS)
def test_any_flags_are_the_beginning_of_work_or_one_line(
    command, folder, capsys, monkeypatch
):
    def begin():
        raise Began

    for module in (job, layers, serve):
        monkeypatch.setattr(module, "quiet_imports", begin)
    before = contents(folder)
    # Where the flags name no output, so that they are not refused for that alone.
    output = [f"--output=out{ENDINGS[command]}"] if command in ENDINGS else []

    @fuzzed(800)
    @given(drawn=flags_of(command, RANGES.get(command)))
    def check(drawn):
        capsys.readouterr()
        code = None
        with contextlib.suppress(Began):
            code = main([*ARGUMENTS[command], *output, *drawn])
        err = capsys.readouterr().err
        assert "Traceback" not in err
        if code is not None:
            lines = [line for line in err.splitlines() if "notice: " not in line]
            assert (code, len(lines)) == (2, 1) and lines[0].startswith("vectormix: ")
        assert contents(folder) == before

    check()


PICTURE_COMMANDS = ("mix", "grid", "dream", "visualize", "atlas")
ENDINGS = dict.fromkeys(PICTURE_COMMANDS, ".png") | {"sweep": ".webp", "zoom": ".webp"}


@pytest.mark.parametrize("command", RUNS)
def test_a_run_with_any_flags_is_finite_pictures_or_one_line(command, folder, capsys):
    before = contents(folder)

    @fuzzed(25)
    @given(flags=flags_of(command, SETTINGS[command], 2))
    def check(flags):
        capsys.readouterr()
        code = main([*RUNS[command], *flags])
        _, err = capsys.readouterr()
        assert "Traceback" not in err
        written = new_files(folder)
        lines = [line for line in err.splitlines() if "notice: " not in line]
        assert (code == 0 and written) or (
            code == 2 and lines[-1][:11] == "vectormix: "
        )
        # A checkpoint may have any name, that of a picture too.
        given = [flag.partition("=") for flag in flags]
        checkpoints = [value for name, _, value in given if name == "--checkpoint"]
        for path in map(folder.joinpath, written):  # with code 2: of a run until NaN
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.suffix in (".png", ".webp") and file.name not in checkpoints:
                    with Image.open(file) as made:
                        made.load()  # whole
                        assert max(made.size) <= 2000
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert contents(folder) == before

    check()


# --- Requests -------------------------------------------------------------------------

GOOD = {n: {"b64": base64.b64encode(v).decode()} for n, v in PAIR.items()} | REST
ROOT = "/v1/models/vectormix"


def assert_answers(server):
    assert requests.get(server.rest + ROOT, timeout=30).status_code == 200


def test_any_json_is_a_finite_answer_or_one_line(server):
    def sent(body):
        answer = requests.post(f"{server.rest}{ROOT}:predict", data=body, timeout=60)
        assert answer.status_code in (200, 400, 404, 413, 429), answer.text
        if answer.status_code != 200:
            assert list(answer.json()) == ["error"]
        elif "outputs" in answer.json() and "losses" in answer.json()["outputs"]:
            assert np.isfinite(answer.json()["outputs"]["losses"]).all()

    def check(examples):
        @fuzzed(examples or 3000)
        @given(
            changes=st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, max_size=2),
            others=st.dictionaries(st.text(max_size=8), JSON, max_size=1),
            shape=st.sampled_from(["inputs", "instances", "none"]),
            name=st.just("mix") | JSON,
        )
        def draw(changes, others, shape, name):
            values = GOOD | changes
            body = {"inputs": values, "instances": [values], "none": values}[shape]
            body = {shape: body} if shape != "none" else body
            sent(as_json({"signature_name": name} | body | others))

        draw()

    @fuzzed(1000)
    @given(data=damaged(as_json({"signature_name": "mix", "inputs": GOOD})))
    def check_bytes(data):
        sent(data)

    without_growth(check)
    check_bytes()


HTTP = f"POST {ROOT}:predict HTTP/1.1\r\nHost: x\r\nContent-Type: a\r\n".encode()
BODY = as_json({"signature_name": "about", "inputs": "mix"})
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
GET = f"GET {ROOT}/metadata HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
WIRE = [
    HTTP + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    HTTP + CHUNKED % (len(BODY), BODY),
    GET.encode(),
]


@pytest.mark.parametrize("wire", WIRE, ids=["length", "chunked", "get"])
def test_any_bytes_of_http_are_answered_or_closed_and_others_are_served(wire, server):
    host, port = server.rest.removeprefix("http://").split(":")

    @fuzzed(1000)
    @given(data=damaged(wire))
    def check(data):
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection((host, int(port)), 30) as raw,
        ):
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            head = raw.makefile("rb").readline()
            assert not head or head.split()[1] in (b"200", b"400", b"404", b"415")

    check()
    assert_answers(server)


def serialized(inputs, signature="mix"):
    request = messages.predict_request("vectormix", None, signature, inputs)
    return request.SerializeToString()


def test_any_message_of_grpc_is_an_answer_or_a_status(server):
    grpc = pytest.importorskip("grpc")
    refusals = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}

    with grpc.insecure_channel(server.grpc.removeprefix("grpc://")) as channel:
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")

        def check(examples):
            @fuzzed(examples or 3000)
            @given(data=damaged(serialized(PAIR | REST)))
            def draw(data):
                try:
                    predict(data, timeout=60)
                except grpc.RpcError as error:
                    assert error.code().name in refusals, error.details()

            draw()

        without_growth(check)
    assert_answers(server)


def test_any_tensor_is_an_array_or_one_line():
    whole = messages.to_tensor(np.ones([2, 3], np.float32)).SerializeToString()
    texts = messages.to_tensor(["a", "b"]).SerializeToString()
    kind = messages.message_class("TensorProto")

    @fuzzed(5000)
    @given(data=damaged(whole) | damaged(texts))
    def check(data):
        try:
            tensor = kind.FromString(data)
        except Exception:  # protobuf's own refusal
            return
        sides = [dim.size for dim in tensor.tensor_shape.dim]
        if np.prod(np.float64(np.abs(sides))) < 1e6:
            with contextlib.suppress(InputError):
                messages.to_array(tensor)

    check()
