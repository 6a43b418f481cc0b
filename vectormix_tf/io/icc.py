"""ICC profiles: conversion of what is read to sRGB, and the profile that is written."""

import base64
import contextlib
import io
import zlib

import numpy as np
from PIL import Image, ImageCms

MAX_8 = 255
MAX_16 = 65535

_SPACES = {1: "gray", 3: "rgb", 4: "cmyk"}
_EXACT = (
    0x0100  # cmsFLAGS_NOOPTIMIZE: its tables for speed are 15 levels off in the dark
)

# `ImageCms.createProfile("sRGB")` by littleCMS 2 with the date (bytes 24 to 35) and
# the profile ID (84 to 99) set to zero. A profile created at run time would contain the
# time, so equal pictures would give different files.
SRGB_PROFILE: bytes = zlib.decompress(
    base64.b85decode(
        b"c-obbJ4?f06o#L+ilUVcI*2%QsN&FqD2Suhp-YicD_C`D(woprNK&M@3N8)>2hqjb;6Kn+a8(clM"
        b"G)~fcw3~zlctakI(WjD^YA9`;p7c?<0Z9hbj?AzV(Q6QG`Nyp4bo8=)zIb>i8z1O*8?8A-$(3O{I"
        b"B}6IYR|cukehj>87x3LwwWJY~B?fQj3|a@Ud`Mmj#7yY+Z5q)#if3A2#c$<N|o@nZZH_D;=yB^|J"
        b"7UaHw3WsqKC2FY)Ip%S+Nn<cwmFBu11V3N<z;VG@yEk<5PgO}2cCRK=spU89aJjsivThDEK()SUF"
        b"Z=sCGc)ZN_OJdOPHlr!BQh3*&2dLM(HJ!m#8>-)sAny27<hO3I}uS!m{pQ1NhEp!BdZMe90HDw<z"
        b"cVPHQ%jlVw<dfsg=i%)f2GTHi2YqW!R_*7UJwj?re$g!)9KyJ~A6WkZC!=P)"
    )
)


def to_srgb(color: Image.Image, profile: bytes | None) -> Image.Image:
    """Returns a picture as RGB of 8 bits in sRGB.

    Args:
        color: A gray, RGB, CMYK or Lab picture.
        profile: Its ICC profile, or None.
    """
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, TypeError):
            # A profile that is damaged or made for another mode is ignored.
            return ImageCms.profileToProfile(
                color,
                ImageCms.getOpenProfile(io.BytesIO(profile)),
                ImageCms.getOpenProfile(io.BytesIO(SRGB_PROFILE)),
                outputMode="RGB",
            )
    return color.convert("RGB")


def is_srgb(profile: bytes | None, is_gray: bool) -> bool:
    """Whether converting from a profile to sRGB changes no color.

    Tested on a cube of colors, because profiles of one color space have many names.
    Pillow converts in 8 bits only, so a picture of 16 bits keeps them if this is true.
    """
    levels = np.linspace(0, MAX_8, 16, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
    plain = Image.fromarray(cube).convert("L" if is_gray else "RGB")
    converted = np.int16(to_srgb(plain, profile))
    return np.max(np.abs(converted - np.int16(plain.convert("RGB")))) <= 1


def deep_to_srgb(colors: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Converts colors to sRGB in 16 bits; needs imagecodecs if there is a profile.

    Args:
        colors: [H, W, 1, 3 or 4] in [0, 1]: gray, RGB or CMYK.
        profile: Their ICC profile, or None.

    Returns:
        [H, W, 3] in [0, 1], float32.
    """
    bands = colors.shape[-1]
    if profile:
        import imagecodecs

        levels = np.uint16(np.rint(colors * MAX_16))
        with contextlib.suppress(imagecodecs.CmsError, ValueError, TypeError):
            # As above, a profile that is damaged or for other colors is ignored.
            converted = imagecodecs.cms_transform(
                levels[..., 0] if bands == 1 else levels,
                bytes(profile),
                SRGB_PROFILE,
                colorspace=_SPACES[bands],
                outcolorspace="rgb",
                flags=_EXACT,
            )
            return np.float32(converted) / MAX_16
    if bands == 1:
        return np.repeat(colors, 3, axis=-1)
    return (
        colors[..., :3] if bands == 3 else (1 - colors[..., :3]) * (1 - colors[..., 3:])
    )
