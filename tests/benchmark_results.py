"""Made-up results of a benchmark, for several test files."""

from vectormix_tf.benchmark.results import BenchmarkResult, Measurement


def measurement(name="mix", size=512, precision="float32", rounds=(2.0,), **others):
    values = {"flops": 3e9, "margin_share": 0.25, "peak": 6e9, "steps": 10.0}
    return Measurement(
        name=name, size=size, precision=precision, rounds=rounds, **values | others
    )


def result(*measurements):
    machine = {"cores": 2, "platform": "linux x86_64"}
    machine |= {"tensorflow": "2.0", "keras": "3.0"}
    return BenchmarkResult(
        machine=machine,
        peaks={"float32": 6e9, "bfloat16": 24e9},
        import_seconds=3.0,
        measurements=measurements,
    )
