"""Unpacks a pack of photographs into a folder, for `vectormix teach --photos=FOLDER`.

A pack is two files: photos.bin holds WebP files one after the other, and photos.json
{"length": [...], "source": [...], "label": [...], "kept_out": [...]} says of each how
many bytes it has, where it comes from, its class of ImageNet or -1, and whether it is
kept out of lessons, for judging them; those are left out here.
"""

import argparse
import json
import pathlib


def unpack(pack: pathlib.Path, folder: pathlib.Path) -> int:
    """Writes the photographs of a pack that are not kept out; returns their number."""
    index = json.loads((pack / "photos.json").read_text(encoding="utf-8"))
    written = 0
    with (pack / "photos.bin").open("rb") as file:
        columns = (index[name] for name in ("length", "source", "kept_out"))
        for number, (length, source, kept_out) in enumerate(zip(*columns, strict=True)):
            data = file.read(length)
            if len(data) < length:
                raise ValueError(f"photos.bin ends within photograph {number}")
            if kept_out:
                continue
            (folder / source).mkdir(parents=True, exist_ok=True)
            (folder / source / f"{number:05}.webp").write_bytes(data)
            written += 1
    return written


def main() -> None:
    """Reads the command line and unpacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=pathlib.Path, help="folder of the pack")
    parser.add_argument(
        "folder", type=pathlib.Path, nargs="?", default="photos", help="to write to"
    )
    given = parser.parse_args()
    if given.folder.exists():
        parser.error(f"{given.folder} exists; name another folder.")
    try:
        written = unpack(given.pack, given.folder)
    except (FileNotFoundError, ValueError, KeyError) as error:
        parser.error(f"{given.pack} is no pack of photographs: {error!r}")
    except OSError as error:  # such as a full disk
        parser.error(f"could not unpack {given.pack} into {given.folder}: {error}")
    print(f"wrote {written} photographs to {given.folder}")


if __name__ == "__main__":
    main()
