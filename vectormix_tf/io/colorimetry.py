"""Color spaces that a file names by numbers, and their conversion to sRGB.

Numbers of primaries and transfer functions are those of ITU-T H.273, which AVIF and
HEIF (`nclx`) and PNG (`cICP`) share.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Chromaticities x, y of red, green, blue and white.
Primaries = tuple[float, float, float, float, float, float, float, float]

_D65 = (0.3127, 0.3290)
SRGB_PRIMARIES: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
# Adobe RGB (1998) color image encoding, 4.3.1.1 and 4.3.4.2.
ADOBE_PRIMARIES: Primaries = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
ADOBE_GAMMA = 563 / 256

UNSPECIFIED = 2
# H.273, table 2. Numbers that are not listed (2 is "unspecified") count as sRGB's.
PRIMARIES: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    10: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}

PQ, HLG = 16, 18

# ITU-R BT.2408-7, 2.2: the luminance of a white sheet of paper in HDR pictures, which
# is white in sRGB; in cd/m2.
REFERENCE_WHITE = 203
# ITU-R BT.2100-2, table 5: peak of the display that HLG is made for, its system gamma.
_HLG_PEAK, _HLG_GAMMA = 1000, 1.2
_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.5 - _HLG_A * math.log(4 * _HLG_A)
# ITU-R BT.2100-2, table 4.
_PQ_PEAK = 10_000
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32

# Cone responses, by which white is adapted to white: Bradford (ICC.1:2022, annex E).
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

# Oklab (Ottosson 2020, "A perceptual color space for image processing"): linear RGB ->
# cone responses -> lightness and two opponent colors.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
FROM_CONES, FROM_OKLAB = np.linalg.inv(TO_CONES), np.linalg.inv(TO_OKLAB)

_STRIP = 1 << 20  # pixels that are converted at a time

# Chromaticities of one space are rounded differently by those who write them.
_SAME = 2e-3


@dataclass(frozen=True)
class ColorSpace:
    """What the numbers of an RGB picture mean.

    Attributes:
        primaries: Chromaticities of red, green, blue and white.
        transfer: Number of the transfer function in H.273.
        gamma: Exponent that makes numbers light, instead of `transfer`.
        is_full: Whether 0 and 1 are black and white; else 16 and 235 of 255 are.
        is_unspecified: Whether the file names numbers that stand for "unspecified".
    """

    primaries: Primaries = SRGB_PRIMARIES
    transfer: int = UNSPECIFIED
    gamma: float | None = None
    is_full: bool = True
    is_unspecified: bool = False

    @property
    def is_srgb(self) -> bool:
        """Whether conversion to sRGB changes nothing."""
        as_srgb = self.gamma is None and self.transfer not in _TO_LIGHT
        return as_srgb and self.is_full and has_srgb_primaries(self.primaries)

    @property
    def is_hdr(self) -> bool:
        """Whether numbers stand for light that may be brighter than white."""
        return self.gamma is None and self.transfer in (PQ, HLG)


def of_numbers(primaries: int, transfer: int, is_full: bool = True) -> ColorSpace:
    """Returns the color space with these numbers of H.273."""
    return ColorSpace(
        PRIMARIES.get(primaries, SRGB_PRIMARIES),
        transfer,
        is_full=is_full,
        is_unspecified=primaries == transfer == UNSPECIFIED,
    )


def has_srgb_primaries(primaries: Primaries) -> bool:
    """Whether these are sRGB's primaries and white, but for rounding."""
    return bool(np.max(np.abs(np.subtract(primaries, SRGB_PRIMARIES))) <= _SAME)


def to_srgb(colors: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Converts colors to sRGB.

    What lies outside of sRGB is clipped. HDR pictures (PQ and HLG) are shown with
    `REFERENCE_WHITE` as white, and what is brighter is rolled off: ITU-R BT.2390-10,
    5.4.1 (EETF), on the largest of R, G, B, with the picture's own peak as the peak of
    the mastering display. A picture without anything brighter is not changed by that.

    Args:
        colors: [H, W, 3] in [0, 1], in `space`.
        space: Their color space.

    Returns:
        [H, W, 3] in [0, 1], float32.
    """
    height, width = colors.shape[:2]
    rows = max(1, _STRIP // width)  # the curves take much memory
    strips = [colors[top : top + rows] for top in range(0, height, rows)]
    peak = 1.0
    if space.is_hdr:
        peak = max(float(_light(strip, space).max()) for strip in strips)
    matrix = np.linalg.inv(_to_xyz(SRGB_PRIMARIES)) @ _to_xyz(space.primaries)
    shown = []
    for strip in strips:
        light = _light(strip, space)
        light = _rolled_off(light, peak) if peak > 1 else light
        shown.append(_encoded(np.clip(light @ np.float32(matrix.T), 0, 1)))
    return np.concatenate(shown)


def luminance(color: np.ndarray) -> float:
    """Returns the luminance of a color [3] in sRGB; 1 is white. IEC 61966-2-1."""
    return float(_to_xyz(SRGB_PRIMARIES)[1] @ _from_srgb(np.asarray(color)))


def _light(colors: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Returns the light that a display shows for these numbers; 1 is white."""
    if not space.is_full:  # H.273, 8.3
        colors = np.clip((colors * 255 - 16) / (235 - 16), 0, 1)
    if space.gamma is not None:
        return colors**space.gamma
    light = _TO_LIGHT.get(space.transfer, _from_srgb)(colors)
    if space.transfer == HLG:  # BT.2100-2, table 5, "HLG reference OOTF"
        luminance = np.float32(_to_xyz(space.primaries)[1])
        scene = np.maximum(light @ luminance, 1e-6)[..., None]
        light = light * scene ** (_HLG_GAMMA - 1) * (_HLG_PEAK / REFERENCE_WHITE)
    return light


def _to_xyz(primaries: Primaries) -> np.ndarray:
    """Returns the matrix [3, 3] from linear RGB to XYZ adapted to D65.

    SMPTE RP 177-1993, 3.3.
    """
    points = np.reshape(primaries, (4, 2))
    xyz = np.column_stack([points, 1 - points.sum(1)]).T  # [3, 4]
    white = xyz[:, 3] / xyz[1, 3]
    matrix = xyz[:, :3] * np.linalg.solve(xyz[:, :3], white)
    d65 = np.array([*_D65, 1 - sum(_D65)]) / _D65[1]
    gains = (_BRADFORD @ d65) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ (gains[:, None] * _BRADFORD) @ matrix


# --- Transfer functions: numbers to light, 1 is white ---------------------------------


def _from_srgb(colors: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(
        colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4
    )


def _encoded(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    curve = 1.055 * light ** (1 / 2.4) - 0.055
    return np.float32(np.clip(np.where(light <= 0.0031308, 12.92 * light, curve), 0, 1))


def _from_pq(colors: np.ndarray) -> np.ndarray:
    """BT.2100-2, table 4, "reference PQ EOTF"."""
    root = colors ** (1 / _PQ_M2)
    ratio = np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)
    return ratio ** (1 / _PQ_M1) * (_PQ_PEAK / REFERENCE_WHITE)


def _to_pq(light: np.ndarray) -> np.ndarray:
    power = (light * (REFERENCE_WHITE / _PQ_PEAK)) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


def _from_hlg(colors: np.ndarray) -> np.ndarray:
    """BT.2100-2, table 5, inverse of the OETF: light of the scene."""
    bright = (np.exp((colors - _HLG_C) / _HLG_A) + _HLG_B) / 12
    return np.where(colors <= 0.5, colors**2 / 3, bright)


# H.273, table 3. Cameras' curves (1, 6, 7, 11, 12, 14, 15) are not listed: they
# describe the light of the scene, and displays show such pictures like sRGB.
_TO_LIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    4: lambda colors: colors**2.2,
    5: lambda colors: colors**2.8,
    8: lambda colors: colors,
    9: lambda colors: 10 ** (2 * (colors - 1)) * (colors > 0),
    10: lambda colors: 10 ** (2.5 * (colors - 1)) * (colors > 0),
    PQ: _from_pq,
    17: lambda colors: colors**2.6 * (52.37 / 48),
    HLG: _from_hlg,
}


def _rolled_off(light: np.ndarray, peak: float) -> np.ndarray:
    """Brings light from `peak` down to 1, and leaves the dark as it is."""
    largest = light.max(axis=-1, keepdims=True)
    scale = float(_to_pq(np.array(peak)))  # plain floats keep arrays in float32
    white = float(_to_pq(np.array(1.0))) / scale
    knee = 1.5 * white - 0.5
    signal = _to_pq(largest) / scale
    t = (signal - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * white
    )
    shown = _from_pq(np.where(signal < knee, signal, spline) * scale)
    return light * (shown / np.maximum(largest, 1e-9))
