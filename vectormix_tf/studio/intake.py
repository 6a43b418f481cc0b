"""Takes pictures from strangers: decoded in a child process, and made anew.

What a stranger sends is never stored and never parsed in this process, but for its
first bytes. A child with little memory, little time and nothing worth having decodes
it; what comes back is checked, because a child may have been taken over.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from vectormix_tf.errors import InputError
from vectormix_tf.studio.thumbnails import SIDES, Thumbnail

MEGA = 1e6
_MIB = 1 << 20

# Signatures by format, as (place, bytes): PNG 3rd edition, 5.2; JPEG, ISO/IEC 10918-1,
# B.1.1.3 (SOI and the next marker); GIF89a, 17; TIFF 6.0, section 2, and BigTIFF; WebP,
# RFC 9649, 2.4. HEIC and AVIF are boxes that begin with `ftyp`: ISO/IEC 14496-12, 4.3,
# as films do; brands tell them apart: ISO/IEC 23008-12, 10, and AVIF 1.1, 6.
_SIGNATURES = {
    "PNG": [(0, b"\x89PNG\r\n\x1a\n")],
    "JPEG": [(0, b"\xff\xd8\xff")],
    "GIF": [(0, b"GIF87a"), (0, b"GIF89a")],
    "TIFF": [(0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")],
    "WEBP": [(8, b"WEBP")],
    "HEIF": [(4, b"ftyp")],
}
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"avif")
_BRANDS_END = 64  # bytes in which they are named
# What a child makes.
_KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
# What a file dialog is asked for; the content decides.
MEDIA_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "image/avif", "image/heic"),
    *("image/heif", "image/gif", "image/tiff"),
)

# The child's first lines. It finds this package where this process found it, and
# nothing in the folder that it happens to be started in (-P).
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from vectormix_tf.studio.intake_child import main; main(sys.argv[2])"
)
# Of the environment, a child gets what an interpreter may need to start, and no more.
_PASSED = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# Threads reserve address space, which is limited.
_SET = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# An answer has no more bytes for each pixel than this: RGBA that does not compress.
_BYTES_A_PIXEL = 5
_MOST_HEAD = 10_000  # bytes of the answer's first line

# Children that decode at the same time, unless `accept` is told otherwise.
PLACES = threading.BoundedSemaphore(2)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an upload may cost.

    Attributes:
        bytes: Largest file.
        pixels: Largest width * height, read from the header before anything is decoded.
        side: Long side that a larger picture is reduced to.
        memory: Address space of a child, in bytes; not limited where there is no
            `resource` module, as on Windows.
        cpu_seconds: Processor time of a child, with the same exception.
        seconds: Time of a child from its start to its answer.
        patience: Seconds until a picture that waits for a place is refused.
    """

    bytes: int = 32 * _MIB
    pixels: int = 80_000_000
    side: int = 2560
    memory: int = 1536 * _MIB
    cpu_seconds: int = 20
    seconds: float = 45.0
    patience: float = 30.0


@dataclasses.dataclass(frozen=True)
class Upload:
    """A picture that is safe to keep and to show.

    Attributes:
        data: PNG if the file was lossless or has transparent pixels, else JPEG;
            upright, sRGB, without any metadata.
        media_type: "image/png" or "image/jpeg".
        width: In pixels.
        height: In pixels.
        thumbs: One for each side of `thumbnails.SIDES`.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    thumbs: tuple[Thumbnail, ...]


# {code: (status of HTTP, sentence)}; programs rely on the codes.
ERRORS = {
    "empty": (400, "The file is empty; choose a picture."),
    "too_large": (413, "The file has over {limit} MB; choose a smaller one."),
    "too_many_pixels": (
        413,
        "The picture is {width} x {height} pixels, over the limit of {limit:g}"
        " megapixels; make it smaller first.",
    ),
    "too_small": (400, "The picture is too small; both sides need 2 pixels."),
    "not_a_picture": (
        415,
        "The file is no picture that can be read here; use PNG, JPEG, WebP, AVIF,"
        " HEIC, GIF or TIFF.",
    ),
    "transparent": (400, "All of the picture is transparent; choose another."),
    "broken": (400, "The picture cannot be read, it may be damaged; get a new copy."),
    "timed_out": (
        400,
        "The picture took too long to read; save it anew as JPEG or PNG.",
    ),
    "out_of_memory": (
        413,
        "The picture needs too much memory to read; make it smaller first.",
    ),
    "busy": (503, "Too many pictures arrive at once; try again in a minute."),
}


class UploadError(InputError):
    """A picture that is refused; its text is a sentence for the person who sent it.

    Attributes:
        code: A key of `ERRORS`.
        status: Of HTTP.
        values: Numbers that the sentence names.
    """

    def __init__(self, code: str, **values: float):
        self.code, self.values = code, values
        self.status, text = ERRORS[code]
        super().__init__(text.format(**values))


def kind_of(data: bytes) -> str | None:
    """Returns the format that the first bytes of a file claim, or None.

    "HEIF" stands for HEIC and AVIF.
    """
    for kind, signatures in _SIGNATURES.items():
        for place, signature in signatures:
            if data[place : place + len(signature)] == signature:
                brands = data[8:_BRANDS_END]
                is_film = kind == "HEIF" and not any(b in brands for b in _BRANDS)
                return None if is_film else kind
    return None


def accept(
    data: bytes,
    limits: Limits | None = None,
    places: threading.Semaphore = PLACES,
) -> Upload:
    """Makes a picture that is safe to keep and to show from the bytes of a stranger.

    Blocks until a child has decoded it, a second or so; call it in a thread.

    Args:
        data: Content of a file; no name and no declared type is believed.
        limits: What it may cost.
        places: Children that may decode at once.

    Raises:
        UploadError: If it is no picture, too large, damaged, or too costly to decode.
    """
    limits = limits or Limits()
    if not data:
        raise UploadError("empty")
    if len(data) > limits.bytes:
        raise UploadError("too_large", limit=max(1, round(limits.bytes / _MIB)))
    if kind_of(data) is None:
        raise UploadError("not_a_picture")
    if not places.acquire(timeout=limits.patience):
        raise UploadError("busy")
    try:
        answer = _ask(data, limits)
    finally:
        places.release()
    return _parsed(answer, limits)


def _ask(data: bytes, limits: Limits) -> bytes:
    """Returns what a child has answered; raises `UploadError` if it did not."""
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, root, _as_json(limits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root.anchor,
        env=_environment(),
        start_new_session=True,
    )
    late = threading.Event()
    timer = threading.Timer(limits.seconds, lambda: (late.set(), child.kill()))
    timer.start()
    try:
        with child:
            with contextlib.suppress(OSError), child.stdin:  # it may have been killed
                child.stdin.write(data)
            answer = child.stdout.read(_most_bytes(limits) + 1)
            child.kill()  # it has said all, or says too much
    finally:
        timer.cancel()
    if answer:
        return answer
    raise UploadError("timed_out" if late.is_set() or _is_slow(child) else "broken")


def _is_slow(child: subprocess.Popen) -> bool:
    """Whether the system ended a child for its processor time."""
    import signal

    return child.returncode == -getattr(signal, "SIGXCPU", 0) != 0


def _as_json(limits: Limits) -> str:
    return json.dumps(dataclasses.asdict(limits))


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return passed | _SET


def _most_bytes(limits: Limits) -> int:
    pixels = sum(side**2 for side in (limits.side, *SIDES))
    return _MOST_HEAD + _BYTES_A_PIXEL * pixels


def _parsed(answer: bytes, limits: Limits) -> Upload:
    """Reads a child's answer, and believes nothing of it."""
    head, _, body = answer.partition(b"\n")
    try:
        told = json.loads(head)
        if "code" in told:
            raise UploadError(told["code"], **_numbers(told["values"]))
        parts = [_part(each, limits) for each in told["parts"]]
        ends = [sum(part["bytes"] for part in parts[: i + 1]) for i in range(3)]
        if ends[-1] != len(body) or len(parts) != len(ends):
            raise UploadError("broken")
    except UploadError:
        raise
    except Exception as error:  # cut off in the middle, or made up
        raise UploadError("broken") from error
    starts = [0, *ends]
    pictures = [
        Thumbnail(body[start:end], part["type"], part["width"], part["height"])
        for part, start, end in zip(parts, starts, ends, strict=False)
    ]
    if any(kind_of(each.data) != _KINDS[each.media_type] for each in pictures):
        raise UploadError("broken")
    whole = pictures[0]
    sizes = {"width": whole.width, "height": whole.height}
    return Upload(whole.data, whole.media_type, **sizes, thumbs=tuple(pictures[1:]))


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """Returns what a sentence may name; a text could be anything."""
    if not all(type(each) in (int, float) for each in values.values()):
        raise UploadError("broken")
    return values


def _part(told: dict[str, Any], limits: Limits) -> dict[str, Any]:
    sizes = [told["width"], told["height"]]
    whole = all(type(each) is int for each in [*sizes, told["bytes"]])
    most = max(limits.side, *SIDES)
    known = told["type"] in _KINDS and whole and told["bytes"] >= 0
    if not known or min(sizes) < 1 or max(sizes) > most:
        raise UploadError("broken")
    return told
