"""Made-up figures of a benchmark, for several test files."""

from vectormix_tf.benchmark.figures import Report, Row


def row(name="mix", size=512, precision="float32", rounds=(2.0,), **others):
    figures = {"flops": 3e9, "margins": 0.25, "peak": 6e9, "steps": 10.0}
    return Row(
        name=name, size=size, precision=precision, rounds=rounds, **figures | others
    )


def report(*rows, peers=()):
    machine = {"cores": 2, "platform": "linux x86_64"}
    machine |= {"tensorflow": "2.0", "keras": "3.0"}
    peaks = {"float32": 6e9, "bfloat16": 24e9}
    return Report(machine=machine, peaks=peaks, imported=3.0, rows=rows, peers=peers)
