"""examples/unpack_photos.py: a pack of photographs becomes a folder."""

import io
import json
import runpy
import sys

import pytest
from PIL import Image


def packed(color):
    file = io.BytesIO()
    Image.new("RGB", (12, 8), color).save(file, "WEBP")
    return file.getvalue()


@pytest.fixture
def pack(tmp_path):
    """Three photographs, the second of which is kept out."""
    files = [packed(color) for color in ("red", "green", "blue")]
    index = {"length": [len(file) for file in files], "label": [-1, 7, -1]}
    index |= {"source": ["a", "a", "b"], "kept_out": [False, True, False]}
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "photos.bin").write_bytes(b"".join(files))
    (folder / "photos.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def unpack(root, monkeypatch):
    def run(*arguments):
        argv = ["unpack_photos.py", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", argv)
        runpy.run_path(str(root / "examples/unpack_photos.py"), run_name="__main__")

    return run


def test_all_but_those_kept_out_become_files(pack, unpack, tmp_path, capsys):
    unpack(pack, tmp_path / "photos")
    assert capsys.readouterr().out == f"wrote 2 photographs to {tmp_path}/photos\n"
    found = {p.relative_to(tmp_path) for p in (tmp_path / "photos").rglob("*.*")}
    names = {str(path.as_posix()) for path in found}
    assert names == {"photos/a/00000.webp", "photos/b/00002.webp"}
    with Image.open(tmp_path / "photos/b/00002.webp") as image:
        assert image.convert("RGB").getpixel((5, 5))[2] > 200


def test_the_folder_that_a_page_names_is_ignored_by_git(root):
    assert "photos/" in (root / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("damage", ["photos.bin", "photos.json", "cut", "exists"])
def test_what_is_no_pack_is_one_line(damage, pack, unpack, tmp_path, capsys):
    if damage == "cut":
        data = (pack / "photos.bin").read_bytes()
        (pack / "photos.bin").write_bytes(data[:-3])
    elif damage == "exists":
        (tmp_path / "photos").mkdir()
    else:
        (pack / damage).unlink()
    with pytest.raises(SystemExit) as ended:
        unpack(pack, tmp_path / "photos")
    assert ended.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    wanted = "exists" if damage == "exists" else "is no pack of photographs"
    assert line.startswith("unpack_photos.py: error: ") and wanted in line
