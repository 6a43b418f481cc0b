"""`vectormix mix --server=...` writes the same files, and loads no TensorFlow."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from refusing_server import Proxy
from requests_of_toy import CONTENT, STYLE

import vectormix_tf as vm
from vectormix_tf.cli import main as cli_main
from vectormix_tf.client import runs as client

MIX = ["mix", "--content=photo.png", "--style=painting.png", "--output=out.png"]
DREAM = ["dream", "--image=photo.png", "--output=out.png"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    Image.fromarray(CONTENT).save(tmp_path / "photo.png")
    Image.fromarray(STYLE).save(tmp_path / "painting.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(folder):
    return sorted({*os.listdir(folder)} - {"photo.png", "painting.png"})


def pixels(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def quick(server):
    return [f"--server={server.grpc}", "--steps=4"]


def test_a_mix_writes_picture_manifest_plot_and_previews(address, folder, capsys):
    flags = ["--manifest=out.json", "--plot=plot.png", "--save_every=2", "--steps=4"]
    flags += ["--preview=now.png"]
    assert cli_main.main([*MIX, *flags, f"--server={address}", "--alpha=0.3"]) == 0
    files = ["out-1-2.png", "out-1-4.png", "out.json", "out.png", "plot.png"]
    assert made(folder) == ["now.png", *files]
    expected = client.mix(
        "photo.png", "painting.png", server=address, alpha=0.3, steps=4
    )
    levels = np.rint(expected.image * 255)
    np.testing.assert_array_equal(pixels("out.png"), levels)
    np.testing.assert_array_equal(pixels("out-1-4.png"), levels)
    np.testing.assert_array_equal(pixels("now.png"), levels)
    assert not np.array_equal(pixels("out-1-2.png"), levels)
    record = json.loads((folder / "out.json").read_text())
    assert record["server"] == address and record["finished"]
    assert record["settings"]["alpha"] == 0.3 and record["settings"]["f1"] == "mixed3"
    assert list(record["inputs"]) == ["photo.png", "painting.png"]
    assert len(record["losses"]["style"]) == 4
    assert re.fullmatch(r"octave 1/1 step 4/4: .*\n", capsys.readouterr().err)


def test_a_dream_is_made_there_as_well(quick, folder):
    assert (
        cli_main.main([*DREAM, *quick, "--mask=painting.png", "--manifest=m.json"]) == 0
    )
    assert made(folder) == ["m.json", "out.png"]
    assert cli_main.main([*DREAM, *quick, "--preview=now.png", "--overwrite"]) == 0
    np.testing.assert_array_equal(pixels("now.png"), pixels("out.png"))
    record = json.loads((folder / "m.json").read_text())
    assert list(record["inputs"]) == ["photo.png", "painting.png"]
    assert len(record["losses"]["amplify"]) == 8  # two octaves are the model's own


def test_a_file_to_start_from_is_recorded_and_not_written_to(quick, folder, capsys):
    Image.fromarray(CONTENT).save("start.png")
    flags = [*quick, "--init=start.png", "--overwrite"]
    assert cli_main.main([*MIX, *flags, "--manifest=start.png"]) == 2
    assert "is also an input" in capsys.readouterr().err
    assert cli_main.main([*MIX, *flags, "--manifest=m.json"]) == 0
    assert "start.png" in json.loads((folder / "m.json").read_text())["inputs"]


@pytest.mark.parametrize(
    "argv, words",
    [
        ([*MIX, "--checkpoint=c"], "--checkpoint does not go with --server"),
        ([*MIX, "--resume"], "--resume does not go with --server"),
        ([*MIX, "--style_mask=photo.png"], "--style_mask does not go"),
        ([*MIX, "--guide=photo.png"], "--guide does not go with --server"),
        ([*DREAM, "--guide=none.png"], "`none.png` does not exist"),
        ([*DREAM, "--explore"], "--explore does not go with --server"),
        ([*DREAM, "--depth=16"], "--depth=16 does not go with --server"),
        ([*MIX, "--depth=12"], "depth must be 8 or 16"),
        ([*MIX, "--style=photo.png"], "one --content with one --style"),
        ([*MIX[:2], MIX[3]], "one --content with one --style"),
        ([MIX[0], *MIX[2:]], "one --content with one --style"),
        ([DREAM[0], DREAM[2]], "--image is missing"),
        (MIX[:3], "--output is missing"),
        ([*MIX, "--mask=none.png"], "`none.png` does not exist"),
        ([*MIX, "--tileable"], "--tileable is False in the model at grpc://"),
        ([*MIX, "--f1=mixed5"], "--f1 is 'mixed3' in the model at grpc://"),
        ([*MIX, "--size=80x80"], "one number, the long side"),
        ([*DREAM, "--size=500"], "--size is at most 128 in the model"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_what_does_not_go_there_is_one_line(server, argv, words, folder, capsys):
    assert cli_main.main([*argv, f"--server={server.grpc}"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and len(err.splitlines()) == 1
    assert made(folder) == []


def test_the_first_preview_is_made_here_unless_only_the_server_takes_it(
    quick, folder, monkeypatch
):
    run = client.mix
    first = []

    def looking(*arguments, **options):
        first.append(made(folder) and pixels("now.png"))
        return run(*arguments, **options)

    monkeypatch.setattr(client, "mix", looking)
    flags = [*quick, "--preview=now.png", "--overwrite"]
    assert cli_main.main([*MIX, *flags]) == 0  # 64 pixels are few for InceptionV3
    for path in ("now.png", "out.png"):
        os.unlink(path)
    Image.fromarray(STYLE).resize((96, 120)).save("painting.png")
    assert cli_main.main([*MIX, *flags, "--size=96"]) == 0
    expected = vm.preview("photo.png", "painting.png", size=96)
    np.testing.assert_array_equal(first[1], np.asarray(expected.pil))
    assert first[0] == [] and not np.array_equal(first[1], pixels("now.png"))


def test_the_first_preview_of_a_dream_is_its_picture(quick, folder, monkeypatch):
    run, first = client.dream, []

    def looking(**options):
        first.append(pixels("now.png"))
        return run(**options)

    monkeypatch.setattr(client, "dream", looking)
    Image.fromarray(STYLE).resize((96, 120)).save("photo.png")
    assert cli_main.main([*DREAM, *quick, "--preview=now.png", "--size=0"]) == 0
    np.testing.assert_array_equal(first[0], pixels("photo.png"))
    assert not np.array_equal(first[0], pixels("now.png"))


def test_an_address_that_is_none_or_not_there_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr("vectormix_tf.client.connection.WAITS", ())
    assert cli_main.main([*MIX, "--server=host:8500"]) == 2
    assert "must be grpc://HOST:PORT" in capsys.readouterr().err
    assert cli_main.main([*MIX, "--server="]) == 2
    assert "must be grpc://HOST:PORT" in capsys.readouterr().err
    for flags in ([], ["--preview=now.png"]):
        assert cli_main.main([*MIX, *flags, "--server=http://127.0.0.1:9"]) == 2
        assert "is not available" in capsys.readouterr().err
        assert made(folder) == []


@pytest.mark.parametrize(
    "end, line",
    [
        (KeyboardInterrupt, None),
        (
            client.ServerError("UNAVAILABLE", "gone."),
            "notice: gone. The picture so far",
        ),
    ],
    ids=["Ctrl-C", "server gone"],
)
def test_what_there_is_is_written_when_it_ends_early(
    quick, end, line, folder, capsys, monkeypatch
):
    advance = client.Run.advance

    def twice(run, steps):
        if len(run.losses) == 2:
            raise end
        advance(run, 1)

    monkeypatch.setattr(client.Run, "advance", twice)
    assert cli_main.main([*MIX, *quick, "--manifest=out.json"]) == 130
    *before, last = capsys.readouterr().err.splitlines()
    assert last == "vectormix: interrupted; wrote the picture so far to out.png"
    assert [line in each for each in before] == ([True] if line else [])
    record = json.loads((folder / "out.json").read_text())
    assert not record["finished"] and len(record["losses"]["style"]) == 2


def test_the_command_loads_no_tensorflow(quick, folder):
    lines = f"""
import sys
from vectormix_tf.cli.main import main
code = main({[*MIX, *quick, "--plot=p.png", "--manifest=m.json"]!r})
print(code, *{{"tensorflow", "keras"}} & set(sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", lines],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout == "0\n" and len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_proxy_that_refuses_is_one_line_and_no_file(scheme, folder):
    command = [sys.executable, "-W", "error", "-m", "vectormix_tf", *DREAM]
    with Proxy(403) as proxy:
        run = subprocess.run(
            [*command, f"--server={scheme}://example.test"],
            env=os.environ | {f"{scheme}_proxy": proxy.with_password},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
    assert f"the proxy {proxy.address} from {scheme}_proxy" in run.stderr
    assert made(folder) == []
