"""Patterns: regular grids that the strides of a network leave in a picture."""

import numpy as np

PERIOD = 8  # pixels; the longest period looked for, and 8 / 2, 8 / 3, 8 / 4
# Frequencies beside each of these, with which it is compared: so many steps away.
NEAREST, FURTHEST = 3, 9
TINY = 1e-12  # power that is none


def regularity(light: np.ndarray) -> float:
    """Power at periods of 8, 4, 8/3 and 2 pixels over that beside them.

    Args:
        light: [H, W] at the picture's own size; both sides are at least 2 `PERIOD`.

    Returns:
        Decibels, at least 0, of the most regular of these along either axis.
    """
    return max(_along_rows(light), _along_rows(light.T), 0.0)


def _along_rows(light: np.ndarray) -> float:
    """The same along the rows, which may be negative."""
    width = light.shape[1] // PERIOD * PERIOD  # a whole number of all periods
    rows = np.float64(light[:, :width])
    spectrum = np.fft.rfft(rows - np.mean(rows, axis=1, keepdims=True), axis=1)
    power = np.mean(np.abs(spectrum) ** 2, axis=0) + TINY  # [width / 2 + 1]
    frequencies = np.arange(len(power))
    found = []
    for peak in width * np.arange(1, PERIOD // 2 + 1) // PERIOD:
        away = np.abs(frequencies - peak)
        beside = (away >= NEAREST) & (away <= FURTHEST) & (frequencies > 0)
        found.append(10 * np.log10(power[peak] / np.median(power[beside])))
    return float(max(found))
