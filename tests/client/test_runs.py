"""A client over gRPC and REST: the same answers, the same words when it goes wrong."""

import hashlib
import io
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import toy
from mistakes import refusal
from PIL import Image
from refusing_server import Proxy
from requests_of_toy import CONTENT, PAIR, REST, SIDE, STYLE, noise, png

from vectormix_tf.client import connection
from vectormix_tf.client import runs as client
from vectormix_tf.client.runs import Run, ServerError, connect
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.filters.preview import preview
from vectormix_tf.io import images


def shown(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def model(address):
    with connect(address) as found:
        yield found


@pytest.fixture
def plain(server):
    """One connection, for what does not depend on how it goes over the wire."""
    with connect(server.grpc) as found:
        yield found


def hasty(monkeypatch):
    """No one waits for a server that is down."""
    monkeypatch.setattr(connection, "WAITS", (0.01, 0.01))


def code_of(call, *arguments, **options):
    """The code and text of what a server, or its absence, is told by."""
    with pytest.raises(ServerError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert text and len(text.splitlines()) == 1 and "{{" not in text
    return caught.value.code, text


# --- What a model says ----------------------------------------------------------------


def test_the_status_is_the_version(model):
    assert model.status() == 3


def test_signatures_have_the_types_of_inputs_and_outputs(model):
    found = model.signatures()
    assert {"mix", "mix_start", "mix_steps", "dream_start", "about"} <= set(found)
    assert found["mix"] == {
        "inputs": {name: found["mix_full"]["inputs"][name] for name in toy.MIX},
        "outputs": {"image_bytes": "DT_STRING", "losses": "DT_FLOAT"},
    }
    assert found["mix"]["inputs"]["alpha"] == "DT_FLOAT"
    assert found["mix"]["inputs"]["steps"] == "DT_INT32"
    assert not [name for name in found if name.startswith("__")]


def test_about_is_asked_once(model, monkeypatch):
    assert model.about("limits") == toy.LIMITS
    monkeypatch.setattr(model, "predict", None)
    assert model.about("limits")["size"] == 128


def test_bytes_text_numbers_and_truths_come_as_they_are(model):
    inputs = {
        "a_bytes": np.array([b"\xff\0", b"z"], object),
        "b": np.int32([[1, 2], [0, 4]]),
    }
    inputs["a_bytes"][0] = b"ab"
    found = model.predict("rows", inputs)
    assert found["twice_bytes"].tolist() == [b"abab", b"zz"]
    assert found["text"].tolist() == ["ab", "z"]
    assert found["sum"].tolist() == [3, 4] and found["sum"].dtype == np.int32
    assert found["ok"].tolist() == [[True, True], [False, True]]
    twice = model.predict("twice", {"x": np.float32([0.1, np.inf])})["y"]
    np.testing.assert_array_equal(twice, np.float32([0.2, np.inf]))
    raw = model.predict(
        "features", {"image_bytes": PAIR["content_bytes"], "size": SIDE}
    )
    assert raw["f1"].shape == (3,)


def test_a_path_names_model_and_version(server):
    with connect(f"{server.rest}/vectormix/3") as found:
        assert (found.model, found.version, found.status()) == ("vectormix", 3, 3)
        assert found.predict("about", {"key": "mix"})
    with connect(f"{server.grpc}/vectormix/3") as found:
        assert found.status() == 3 and found.about("dream")


# --- Runs -----------------------------------------------------------------------------


def whole(model, **changes):
    return model.predict("mix_full", {**FULL, **PAIR, **changes})


FULL = {
    **{n: v for n, v in toy.ABOUT["mix"]["open"].items() if n != "style_scale"},
    **{"style_scale": 1.0, "mask_bytes": b"", "start_bytes": b"", **REST},
}


@pytest.mark.parametrize("chunks", [[1] * 10, [3, 100], [4, 1, 5]])
def test_a_run_in_chunks_is_the_run_in_one_go(model, chunks):
    once = whole(model, octaves=2)
    run = Run(model, "mix", PAIR | {"alpha": 0.3, "steps": 5, "octaves": 2})
    assert (run.octave, run.octaves, run.step, run.steps) == (1, 2, 0, 5)
    assert run.losses.shape == (0, 3) and not run.finished
    for count in chunks:
        run.advance(count)
    assert run.finished and (run.octave, run.step) == (2, 5)
    np.testing.assert_array_equal(shown(run.image), shown(once["image_bytes"]))
    # JSON of TensorFlow Serving has fewer digits.
    np.testing.assert_allclose(run.losses, once["losses"], rtol=1e-5)
    before = run.losses
    run.advance()
    assert run.losses is before


@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_run_from_a_checkpoint_goes_on_to_the_same_picture(plain, address, at):
    def begun():
        return Run(plain, "mix", PAIR | {"alpha": 0.3, "steps": 5, "octaves": 2})

    once, run = begun(), begun()
    while not once.finished:
        once.advance()
    while len(run.losses) < at:
        run.advance()
    with connect(address) as other:
        again = Run.from_checkpoint(other, run.checkpoint())
        for name in ("recipe", "terms", "octave", "step", "finished", "image"):
            assert getattr(again, name) == getattr(run, name)
        while not again.finished:
            again.advance(2)
    assert again.preview == once.preview and again.image == once.image
    np.testing.assert_allclose(again.losses, once.losses, rtol=1e-5)


def test_a_damaged_checkpoint_and_a_strange_one_are_refused(plain):
    run = Run(plain, "dream", {"image_bytes": PAIR["content_bytes"], "steps": 2})
    data = run.checkpoint()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    for broken in (b"", data[:-1], changed, b"x" + data):
        with pytest.raises(InputError, match="is damaged; start the run again"):
            Run.from_checkpoint(plain, broken)
    body = data[64:].replace(b'"format": 1', b'"format": 7')
    other = hashlib.sha256(body).hexdigest().encode() + body
    with pytest.raises(InputError, match="has format 7, and this version reads 1"):
        Run.from_checkpoint(plain, other)


def test_previews_change_and_show_what_there_is(model):
    run = Run(model, "dream", {"image_bytes": PAIR["content_bytes"], "steps": 4})
    previews = [run.preview]
    while not run.finished:
        run.advance(2)
        previews.append(run.preview)
        far = np.abs(np.float32(shown(run.preview)) - shown(run.image))
        assert far.mean() < 40  # of noise JPEG keeps that much
    assert len(set(previews)) == 5


def test_a_mix_is_what_the_model_computes(model):
    seen = []
    result = client.mix(
        *(CONTENT, STYLE),
        server=model,
        on_progress=seen.append,
        pause_every=2,
        alpha=0.3,
        steps=5,
    )
    once = whole(model)
    expected = shown(once["image_bytes"])
    np.testing.assert_array_equal(np.rint(result.image * 255), expected)
    assert result.finished and result.steps == (5,) and result.seconds > 0
    assert list(result.losses) == ["content", "style"]
    np.testing.assert_allclose(result.losses["style"], once["losses"][:, 1], rtol=1e-5)
    assert [each.step for each in seen] == [0, 1, 2, 4, 5]
    assert seen[1].seconds_left is None and seen[2].seconds_left > 0
    assert seen[-1].seconds_left == 0 and seen[-1].octaves == 1
    assert seen[-1].losses["style"] == result.losses["style"][-1]
    np.testing.assert_array_equal(seen[-1].preview(), result.image)
    assert not np.array_equal(seen[1].preview(), result.image)
    settings = result.settings
    assert (settings.alpha, settings.steps, settings.f1) == (0.3, 5, "mixed3")
    assert settings.weights == "/elsewhere/weights.h5"


@pytest.mark.parametrize("name", [None, "mask", "start"])
def test_the_first_progress_is_made_here_before_the_server_starts(
    plain, name, monkeypatch
):
    class Stop(Exception):
        pass

    def stop(progress):
        seen.append(progress)
        raise Stop

    monkeypatch.setattr(client, "Run", None)
    content, style, seen = noise(3, 100, 96), noise(4, 96, 90), []
    given = {name: noise(5, 100, 96)} if name else {}
    options = {"size": 100, "color": "content", "steps": 6, **given}
    with pytest.raises(Stop):
        client.mix(content, style, server=plain, on_progress=stop, **options)
    (first,) = seen
    assert (first.step, first.steps, first.octave, first.octaves) == (0, 6, 1, 1)
    if name == "start":
        expected = given[name] / 255
    else:
        expected = preview(content, style, **options).image
    np.testing.assert_allclose(first.preview(), expected, atol=1.5 / 255)


def test_a_dream_is_what_the_model_computes(address):
    small = noise(3, 40, 50)
    seen = []
    result = client.dream(
        small, server=address, on_progress=seen.append, steps=3, octave_steps=2.0
    )
    assert result.image.shape == (64, 80, 3)  # enlarged here, as the library does
    assert list(result.losses) == ["amplify"] and result.steps == (3, 6)
    ends = [(each.octave, each.step) for each in seen if each.step == each.steps]
    assert ends == [(1, 3), (2, 6)]
    assert seen[1].seconds_left > 0


def test_a_guide_leads_a_dream(address):
    options = {"server": address, "steps": 9, "step_size": 0.5, "octaves": 1}
    guide = noise(6, 40, 50)
    result = client.dream(noise(3, 64, 80), guide=guide, guide_size=25, **options)
    assert list(result.losses) == ["guide"]
    sent = images.fit(images.read(guide), (20, 25)).pixels  # as small as is asked for
    near = np.abs(images.resize(sent, (64, 80))[0] - result.image).mean()
    assert near < 0.1 < np.abs(noise(3, 64, 80) / 255 - result.image).mean()


def test_eight_clients_at_once_do_not_disturb_each_other(address):
    seeds = range(8)

    def mixed(seed, server):
        return client.mix(
            *(noise(seed), noise(seed + 100)),
            server=server,
            pause_every=1,
            steps=6,
            seed=seed,
            init="noise",
            alpha=seed / 8,
        ).image

    alone = [mixed(seed, address) for seed in seeds]
    with connect(address) as shared, ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: mixed(seed, address), seeds))
        over_one = list(pool.map(lambda seed: mixed(seed, shared), seeds))
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(over_one, alone)
    assert len({each.tobytes() for each in alone}) == 8


def test_alpha_comes_back_and_what_it_hides_does_not_count(plain):
    cover = np.full([64, SIDE, 1], 255, np.uint8)
    cover[:20] = 0
    seen = np.concatenate([CONTENT, cover], axis=-1)
    other = np.where(cover > 0, seen, np.uint8(7) * (np.arange(4) < 3))
    one, two = (client.mix(c, STYLE, server=plain, steps=2) for c in (seen, other))
    np.testing.assert_array_equal(one.transparency, cover / 255)
    np.testing.assert_array_equal(one.image, two.image)
    small = client.mix(seen, STYLE, server=plain, steps=1, size=75)
    assert small.transparency.shape == (60, 75, 1)
    assert small.image.shape[:2] == (60, 75)


def test_drawings_by_transparency_and_flat_styles_are_told_of(plain):
    ink = np.zeros([SIDE, SIDE, 4], np.uint8)
    ink[8:40, 8:40, 3] = 255
    with pytest.warns(Notice) as told:
        made = client.mix(ink, np.full([SIDE, SIDE, 3], 9, np.uint8), server=plain)
    content, style = (str(each.message) for each in told)
    assert "content picture" in content and "laid on white" in content
    assert "style picture" in style and "no texture" in style
    assert made.transparency is None


def test_a_file_called_like_an_init_is_not_sent(plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noise").write_bytes(b"no picture")
    made = client.mix(CONTENT, STYLE, server=plain, init="noise", steps=1)
    assert made.settings.init == "noise"


def test_mask_start_init_and_scale_are_sent(plain, tmp_path, monkeypatch):
    sent = []
    predict = plain.predict
    monkeypatch.setattr(
        plain, "predict", lambda s, i, *a: (sent.append((s, i)), predict(s, i, *a))[1]
    )

    def inputs(**options):
        sent.clear()
        client.mix(CONTENT, noise(2, 125, 125), server=plain, steps=1, **options)
        return next(i for s, i in sent if s == "mix_start")

    found = inputs()
    assert found["mask_bytes"] == found["start_bytes"] == b""
    assert shown(found["content_bytes"]).tolist() == CONTENT.tolist()
    assert shown(found["style_bytes"]).shape == (80, 80, 3)
    assert found["style_scale"] == 1.0 and found["size"] == 80
    found = inputs(mask=noise(4)[..., 0], start=noise(5, 96, 120), style_scale=1.5)
    assert shown(found["mask_bytes"])[..., 0].tolist() == noise(4)[..., 0].tolist()
    assert shown(found["start_bytes"]).shape == (64, 80, 3)
    assert shown(found["style_bytes"]).shape == (120, 120, 3)
    path = str(tmp_path / "start.png")
    Image.fromarray(STYLE[:50]).save(path)
    found = inputs(init=path)
    assert shown(found["start_bytes"]).tolist() == STYLE[:50].tolist()
    assert found["init"] == "recolored"
    assert inputs(init=path, start=noise(6))["start_bytes"] != found["start_bytes"]
    assert inputs(size=0)["size"] == 80
    assert inputs(alpha=1)["alpha"] == 1.0 and isinstance(found["seed"], int)
    monkeypatch.undo()
    mask = np.zeros([64, SIDE], np.uint8)
    mask[:, :9] = 255
    masked = client.dream(CONTENT, server=plain, mask=mask, steps=1)
    assert masked.finished
    assert "black everywhere" in refusal(
        client.dream, CONTENT, server=plain, mask=mask * 0
    )


def test_terms_without_a_say_are_left_out(plain):
    def terms(**settings):
        return list(
            client.mix(CONTENT, STYLE, server=plain, steps=1, **settings).losses
        )

    assert terms(alpha=1.0) == ["content"]
    assert terms(alpha=0.0) == ["style"]
    assert terms(tv=0.5) == ["content", "style", "total_variation"]


def test_octaves_that_a_large_picture_has_besides_are_counted(plain, monkeypatch):
    seen = []
    first = property(lambda settings: (settings.steps,))
    monkeypatch.setattr(client.MixSettings, "all_steps", first)
    options = {"octaves": 2, "steps": 3, "on_progress": seen.append}
    result = client.mix(CONTENT, STYLE, server=plain, **options)
    assert result.steps == (3, 3) and seen[-1].seconds_left == 0


def test_a_preset_sets_what_is_open_and_is_recorded(plain):
    result = client.mix(CONTENT, [STYLE], server=plain, preset="quick", steps=2)
    settings = result.settings
    assert (settings.preset, settings.steps) == ("quick", 2)
    assert settings.learning_rate == 0.065


def test_a_bar_shows_the_run(plain, capsys):
    client.mix(CONTENT, STYLE, server=plain, on_progress="bar", steps=2, octaves=2)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "octave 1/2 step 2/2",
        "octave 2/2 step 2/2",
    ]


def test_chunks_grow_with_the_pace_and_end_where_one_wants_to_look():
    run = Run.__new__(Run)
    run.step, run.steps = 0, 100
    assert client._next_count(run, None, 0) == 1
    run.step = 1
    assert client._next_count(run, 0.5, 0) == 10
    assert client._next_count(run, 10.0, 0) == 1
    assert client._next_count(run, 0.0, 0) == 99
    assert client._next_count(run, 0.01, 10) == 9
    run.step = 100  # the next octave is another size
    assert client._next_count(run, 0.01, 10) == 1


# --- Settings that do not fit ---------------------------------------------------------


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"f1": "mixed4"}, "`f1` is 'mixed3' in the model at grpc://"),
        ({"statistic": "gram"}, "fixed when it was exported; leave it out"),
        ({"preset": "gatys2015"}, "fixed"),
        ({"preset": "no"}, "`preset` must be one of"),
        ({"weights": "bundled"}, "`weights` is '/elsewhere/weights.h5'"),
        ({"tileable": True}, "`tileable` is False"),
        ({"alpha": 2.0}, "`alpha` must be in [0, 1]"),
        ({"alhpa": 0.5}, "unknown setting 'alhpa'; did you mean alpha"),
        ({"size": 129}, "`size` is at most 128 in the model"),
        ({"steps": 201}, "`steps` is at most 200 in the model"),
        ({"size": "80x80"}, "one number, the long side"),
        ({"pause_every": -1}, "`pause_every`"),
        ({"init": "nowhere.png"}, "`init` must be one of"),
        ({"init": "pieces"}, "`init` pieces is not for servers; leave `server` out"),
        ({"preset": "instant"}, "is not for servers"),
        ({"steps": 0}, "`steps` 0 is not for servers"),
    ],
    ids=str,
)
def test_a_setting_that_does_not_fit_is_one_line(plain, settings, words):
    assert words in refusal(client.mix, CONTENT, STYLE, server=plain, **settings)


def test_a_setting_that_the_model_has_anyway_may_be_given(plain):
    same = {"f1": "mixed3:1", "precision": "auto", "weights": "/elsewhere/weights.h5"}
    more = {"f2": None, "xla": True, "tile": "off", "max_pixels": 10**6}
    assert client.mix(CONTENT, STYLE, server=plain, steps=1, **same, **more).finished


def test_pictures_that_do_not_fit_are_one_line(plain):
    both = "one content with one style"
    for pair in [(None, STYLE), (CONTENT, None), (CONTENT, [STYLE, STYLE])]:
        assert both in refusal(client.mix, *pair, server=plain)
    assert "content picture `no.png` does not exist" in refusal(
        client.mix, "no.png", STYLE, server=plain
    )
    large = noise(1, 20, 200)
    assert "at most 128 a side" in refusal(
        client.mix, large, STYLE, server=plain, size=0
    )


FILE = png(CONTENT)
SOURCES = {
    "bytes": lambda folder: FILE,
    "bytearray": lambda folder: bytearray(FILE),
    "memoryview": lambda folder: memoryview(FILE),
    "BytesIO": lambda folder: io.BytesIO(FILE),
    "path": lambda folder: folder / "a.png",
    "Pillow image": lambda folder: Image.fromarray(CONTENT),
    "Fortran order": lambda folder: np.asfortranarray(CONTENT),
    "floats": lambda folder: np.float64(CONTENT) / 255,
    "half floats": lambda folder: np.float16(CONTENT / 255),
    "uint16": lambda folder: CONTENT * np.uint16(257),
    "batch of one": lambda folder: CONTENT[None],
    "list": lambda folder: (CONTENT / 255).tolist(),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_picture_is_sent_whatever_it_is_given_as(kind, plain, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(FILE)
    sent, predict = [], plain.predict

    def spy(signature, inputs):
        if signature.endswith("_start"):
            sent.append(inputs)
        return predict(signature, inputs)

    plain.about("limits"), plain.about("mix"), plain.about("dream")
    monkeypatch.setattr(plain, "predict", spy)
    source = SOURCES[kind](tmp_path)
    client.mix(source, STYLE, server=plain, mask=source, steps=1)
    client.dream(source, server=plain, mask=source, steps=1)
    gray = np.rint(CONTENT.mean(axis=-1))
    for inputs, name in zip(sent, ("content_bytes", "image_bytes"), strict=True):
        np.testing.assert_array_equal(shown(inputs[name]), CONTENT)
        assert np.abs(shown(inputs["mask_bytes"])[..., 0] - gray).max() <= 1


WRONG = [5, {}, b"", b"text", io.StringIO("text"), np.zeros((0, 0, 3)), np.zeros(3),
         np.full((80, 80, 3), np.nan), np.full((80, 80), 1.5), np.zeros((80, 80), int),
         np.zeros((2, 80, 80, 3)), CONTENT.tolist()]  # fmt: skip


@pytest.mark.parametrize("source", WRONG, ids=lambda source: repr(source)[:20])
def test_what_is_no_picture_is_refused_in_the_words_of_a_local_run(source, plain):
    from vectormix_tf.recipes.dream import dream
    from vectormix_tf.recipes.mix import mix

    for remote, local, *pictures in [
        (client.mix, mix, source, STYLE),
        (client.mix, mix, np.zeros((80, 80)), source),
        (client.dream, dream, source),
    ]:
        text = refusal(remote, *pictures, server=plain)
        assert text == refusal(local, *pictures)
    for remote, *pictures in [(client.mix, CONTENT, STYLE), (client.dream, CONTENT)]:
        text = refusal(remote, *pictures, server=plain, mask=source)
        assert text == refusal(images.read, source, what="mask")


def test_a_panorama_is_sent_larger_with_a_notice_if_the_model_says_its_least_side(
    plain, monkeypatch
):
    strip = noise(7, 40, 200)
    assert client.dream(strip, server=plain, steps=1).image.shape == (16, 80, 3)
    monkeypatch.setitem(plain.about("limits"), "side", 20)
    with pytest.warns(Notice, match="the model at grpc://.* needs 20 a side"):
        found = client.dream(strip, server=plain, steps=1)
    assert found.image.shape == (20, 98, 3)
    with pytest.warns(Notice, match="content picture would be.*: it becomes 98 x 20"):
        client.mix(strip, STYLE, server=plain, steps=1)
    with pytest.warns(Notice, match="style picture would be.*: it is seen as 98 x 20"):
        client.mix(CONTENT, strip, server=plain, steps=1)
    text = refusal(client.dream, strip, server=plain, size=90)
    assert "choose a larger `size`, at least 98, or" in text
    text = refusal(client.dream, noise(7, 20, 200), server=plain)
    assert "have to be 195 long, and the most is 128; cut it shorter" in text


@pytest.mark.parametrize(
    "address",
    [
        "host:8500",
        "grpc://host:0",
        "ftp://host",
        "grpc://",
        "http://host:no",
        "",
        None,
        "grpc://h?x=1",
        "http://a..b",
        "grpc://.",
        "http://*:8501",
        "http://%zz",
        "grpc://a b:8500",
        "http://[a:b]",
        f"http://{'a' * 64}",
    ],
)
def test_an_address_that_is_none_is_one_line(address):
    assert "grpc://HOST:PORT" in refusal(connect, address)


def test_an_address_with_a_password_is_refused_without_showing_it():
    text = refusal(connect, "http://ann:secret@host")
    assert "without a name and a password" in text and "secret" not in text


@pytest.mark.parametrize("timeout", [0, -1, np.nan, None, "5", True])
def test_a_timeout_that_is_none_is_one_line(timeout, plain):
    assert "`timeout` must be" in refusal(connect, "grpc://host", timeout)
    if timeout is not None:  # which takes the connection's
        text = refusal(plain.predict, "about", {"key": "mix"}, timeout)
        assert "`timeout` must be" in text


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_closed_connection_is_one_line(server, transport):
    found = connect(getattr(server, transport))
    found.close()
    assert "the connection is closed" in refusal(found.status)


@pytest.mark.parametrize("version", ["1.0", "-1", str(2**63), "9" * 5000])
def test_a_version_that_is_none_is_one_line(version):
    assert "must be a whole number" in refusal(connect, f"grpc://host/m/{version}")


@pytest.mark.parametrize(
    "host", ["my_service", "192.0.2.1", "h.example.", "xn--bcher-kva", "b\u00fccher"]
)
def test_any_name_of_a_host_is_one(host):
    connect(f"http://{host}:1").close()
    connect("http://[fe80::1%eth0]").close()


def test_addresses_have_defaults():
    for version in ("newest", "1.5", "9" * 20):
        assert "whole number" in refusal(connect, f"grpc://host/vectormix/{version}")
    for given, meant in [
        ("grpc://host", "grpc://host:8500"),
        ("http://host/", "http://host:8501"),
        ("https://host/model", "https://host:443"),
        ("grpc://[::1]:1", "grpc://[::1]:1"),
    ]:
        with connect(given) as found:
            assert found.address == meant


@pytest.mark.parametrize(
    "package, address", [("grpc", "grpc://host"), ("requests", "http://host")]
)
def test_a_missing_package_is_one_line(package, address, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    assert "pip install 'vectormix_tf[client]'" in refusal(connect, address)


# --- Several servers ------------------------------------------------------------------


@pytest.fixture
def nowhere():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_that_is_away_is_passed_over(server, nowhere, transport, monkeypatch):
    monkeypatch.setattr(connection, "WAITS", ())
    there = getattr(server, transport)
    away = there.rpartition(":")[0] + f":{nowhere}"
    for addresses in (f"{there},{away}", f"{away},{there}"):
        with connect(addresses) as found:
            assert found.address == addresses
            assert [found.status() for _ in range(3)] == [3] * 3
            assert found.signatures().keys() >= {"mix", "about"}
            assert found.predict("twice", {"x": np.float32([2])})["y"] == 4
    with connect(f"{away},{away}") as found:
        assert code_of(found.status)[0] == "UNAVAILABLE"


def test_servers_take_requests_in_turns_and_one_that_is_overloaded_is_passed_over(
    server,
):
    with Proxy(429, b'{"error": "busy"}') as busy:
        with connect(f"{server.rest},{busy.address}") as found:
            for _ in range(4):
                found.predict("about", {"key": "mix"})
        assert len(busy.seen) == 2


def test_a_refusal_of_one_server_is_not_asked_of_the_next(server):
    with (
        Proxy(400, b'{"error": "no"}') as strict,
        connect(f"{strict.address},{server.rest}") as found,
    ):
        code, text = code_of(found.predict, "about", {"key": "mix"})
    assert code == "INVALID_ARGUMENT" and text.endswith("refused: no.")


@pytest.mark.parametrize(
    "other", ["http://b:8500", "grpc://b/model", "grpc://b/vectormix/2", "", " "]
)
def test_several_addresses_are_of_one_model(other):
    refusal(connect, f"grpc://a:8500,{other}")
    with connect("grpc://a,grpc://b:1/vectormix") as found:
        assert found.address == "grpc://a:8500,grpc://b:1"


# --- What goes wrong on the way -------------------------------------------------------


BAD = {
    "truncated": ({"content_bytes": PAIR["content_bytes"][:99]}, "INVALID_ARGUMENT"),
    "no picture": ({"style_bytes": b"hello"}, "INVALID_ARGUMENT"),
    "empty": ({"style_bytes": b""}, "INVALID_ARGUMENT"),
    "NaN": ({"alpha": np.nan}, "INVALID_ARGUMENT"),
    "a type": ({"steps": 0.5}, "INVALID_ARGUMENT"),
    "a shape": ({"alpha": np.float32([0.5])}, "INVALID_ARGUMENT"),
    "unknown": ({"beta": 0.5}, "INVALID_ARGUMENT"),
    "huge": ({"content_bytes": bytes(2 << 20)}, "RESOURCE_EXHAUSTED"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_and_the_server_goes_on(model, name, request):
    if name == "huge" and "binary" in request.node.name:
        pytest.skip("tensorflow_model_server takes requests of any size")
    changes, code = BAD[name]
    found, text = code_of(model.predict, "mix", {**PAIR, **REST, **changes})
    assert found == code
    assert text.startswith(f"the server at {model.address} refused: ")
    assert model.predict("mix", {**PAIR, **REST})["losses"].shape == (5, 3)


def test_the_words_of_the_model_come_without_those_of_tensorflow(model):
    _, text = code_of(model.predict, "mix", {**PAIR, **REST, "alpha": np.nan})
    assert text.endswith("refused: `alpha` must be in [0, 1]; received nan.")
    code, text = code_of(model.about, "nothing")
    assert code == "INVALID_ARGUMENT" and "there is no nothing" in text


def test_what_is_missing_is_named(model):
    inputs = {**PAIR, **REST}
    del inputs["style_bytes"]
    code, text = code_of(model.predict, "mix", inputs)
    assert code == "INVALID_ARGUMENT" and "style_bytes" in text
    code, text = code_of(model.predict, "mixx", inputs)
    assert code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION") and '"mixx"' in text


@pytest.mark.parametrize("path", ["/other", "/vectormix/7"])
def test_another_model_or_version_is_not_found(address, path):
    with connect(address + path) as found:
        for call in (found.status, found.signatures, lambda: found.about("mix")):
            code, text = code_of(call)
            assert code == "NOT_FOUND" and f"served at {address}?" in text


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_version_that_is_not_ready_is_told(server, transport, monkeypatch):
    monkeypatch.setattr(server.model, "state", "LOADING")
    with connect(getattr(server, transport)) as found:
        code, text = code_of(found.status)
        assert code == "UNAVAILABLE" and "version 3 is LOADING; try again" in text
        assert code_of(found.about, "mix")[0] == "NOT_FOUND"


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_down_is_told(scheme, monkeypatch):
    hasty(monkeypatch)
    with connect(f"{scheme}://127.0.0.1:9", timeout=5) as found:
        code, text = code_of(found.status)
        assert code == "UNAVAILABLE"
        assert f"the server at {scheme}://127.0.0.1:9 is not available: " in text
        assert "refused" in text and text.endswith("start it, or try again later.")


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_deadline_is_told(server, transport, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(server.model, "predict", lambda *_: gate.wait(10) and {})
    with connect(getattr(server, transport)) as found:
        code, text = code_of(found.predict, "about", {"key": "mix"}, timeout=0.2)
    gate.set()
    assert code == "DEADLINE_EXCEEDED" and "not answer within 0.2 seconds" in text


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_that_comes_back_is_asked_again(server, transport, monkeypatch):
    hasty(monkeypatch)
    from vectormix_tf.server.model import RequestError

    calls, predict = [], server.model.predict

    def late(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise RequestError("UNAVAILABLE", "too many requests")
        return predict(*arguments)

    monkeypatch.setattr(server.model, "predict", late)
    with connect(getattr(server, transport)) as found:
        assert found.about("limits") == toy.LIMITS
        assert len(calls) == 3
        calls.clear()
        monkeypatch.setattr(connection, "WAITS", (0.01,))
        assert code_of(found.about, "mix")[0] == "UNAVAILABLE"
        assert len(calls) == 2
        monkeypatch.setattr(connection, "WAITS", (10.0,))  # longer than it may take
        calls.clear()
        assert code_of(found.predict, "about", {"key": "mix"}, 5)[0] == "UNAVAILABLE"
        assert len(calls) == 1


@pytest.mark.parametrize("steps", [2.5, np.nan, np.inf])
def test_a_number_is_not_cut_to_a_whole_one(plain, steps):
    text = refusal(Run, plain, "mix", PAIR | {"steps": steps})
    assert text == f"`steps` must be a whole number; received {steps!r}."
    assert Run(plain, "mix", PAIR | {"steps": 2.0}).steps == 2


@pytest.mark.parametrize("steps", [0, -1, 2.5, np.nan, "1", None])
def test_a_run_advances_by_a_whole_number_of_steps(plain, steps):
    run = Run(plain, "mix", PAIR | {"steps": 3})
    assert "`steps` must be" in refusal(run.advance, steps)
    run.advance(np.int64(2))
    assert (run.step, len(run.losses)) == (2, 2)
    assert "`recipe` must be" in refusal(Run, plain, "zoom", PAIR)


NESTED = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"outputs": "no JSON"}',
        b'{"outputs": "[1, 2]"}',
        b'{"outputs": ["a", "b"]}',
        b'{"model_version_status": [{"version": Infinity, "state": "AVAILABLE"}]}',
        b'{"outputs": ' + NESTED,
    ],
)
def test_what_only_looks_like_the_api_is_one_line(body, plain):
    with Proxy(200, body) as other, connect(other.address) as found:
        found._signatures = plain.signatures()
        for call in (found.status, lambda: found.about("mix")):
            code, text = code_of(call)
            assert code in ("INTERNAL", "UNKNOWN") and other.address in text


@pytest.mark.parametrize("missing", ["state_bytes", "losses", "step", "image_bytes"])
def test_a_chunk_without_a_part_leaves_a_run_as_it_was(plain, monkeypatch, missing):
    run = Run(plain, "mix", PAIR | {"steps": 3})
    plain.about("limits")
    before, predict = dict(vars(run)), plain.predict

    def lacking(*arguments):
        return {n: v for n, v in predict(*arguments).items() if n != missing}

    monkeypatch.setattr(plain, "predict", lacking)
    code, text = code_of(run.advance)
    assert code == "INTERNAL" and missing in text
    assert vars(run) == before


def test_a_model_that_takes_no_steps_ends_the_run(plain, monkeypatch):
    run = Run(plain, "mix", PAIR)
    plain.about("limits")  # so that it is known below
    predict, state = plain.predict, run._state

    def lazy(signature, inputs):
        return predict(signature, {**inputs, "steps": 0})

    monkeypatch.setattr(plain, "predict", lazy)
    code, text = code_of(run.advance, 1)
    assert code == "INTERNAL" and "takes no steps" in text and run._state == state


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_what_there_is_is_kept_when_the_server_goes(toy_model, transport, monkeypatch):
    hasty(monkeypatch)
    from vectormix_tf.server.model import ServedModel
    from vectormix_tf.server.server import Server

    running = Server(ServedModel(toy_model, "vectormix", 1))
    last = []

    def stop_at_two(progress):
        last.append(progress)
        if progress.step == 2:
            running.stop(0)

    with pytest.warns(Notice, match="not available.*The picture so far is kept"):
        result = client.mix(
            *(CONTENT, STYLE),
            server=getattr(running, transport),
            on_progress=stop_at_two,
            pause_every=1,
            steps=6,
        )
    assert not result.finished and result.steps == (6,)
    assert len(result.losses["style"]) == 2
    np.testing.assert_array_equal(result.image, last[-1].preview())


def test_what_there_is_is_kept_after_ctrl_c(plain):
    def interrupt(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    options = {"on_progress": interrupt, "pause_every": 1, "steps": 6}
    result = client.mix(CONTENT, STYLE, server=plain, **options)
    assert not result.finished and len(result.losses["content"]) == 3
    expected = client.mix(CONTENT, STYLE, server=plain, steps=3)
    np.testing.assert_array_equal(result.image, expected.image)


def test_a_client_loads_no_tensorflow(server, tmp_path):
    """Of all that it does over both transports."""
    Image.fromarray(CONTENT).save(tmp_path / "c.png")
    lines = f"""
import sys
from vectormix_tf import client
for server in {[server.grpc, server.rest]!r}:
    result = client.mix("c.png", "c.png", server=server, mask="c.png", steps=1)
    client.dream("c.png", server=server, steps=1).save("d.png", overwrite=True)
print(result.finished, *{{"tensorflow", "keras"}} & set(sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", lines],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.stdout, run.stderr) == ("True\n", "")
