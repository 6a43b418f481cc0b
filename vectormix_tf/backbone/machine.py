"""The machine and the packages: what timings and graphs made here depend on."""

import os
import platform

import tensorflow as tf

from vectormix_tf.io.fingerprint import version


def machine() -> list[str]:
    """Returns what describes them: packages, processor, cores, devices."""
    devices = [device.name for device in tf.config.list_physical_devices()]
    packages = [version(name) for name in ("tensorflow", "keras")]
    return [*packages, _processor(), str(os.cpu_count()), *devices]


def _processor() -> str:
    """Returns the name of the processor and, on Linux, its flags."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = {line for line in file if line.startswith(("model name", "flags"))}
        return "".join(sorted(lines))
    except OSError:
        return f"{platform.processor()} {platform.machine()} {platform.node()}"
