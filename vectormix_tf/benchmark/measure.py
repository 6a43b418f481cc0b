"""Benchmarking: what this machine can do, and what of it a step gets."""

import contextlib
import dataclasses
import functools
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.backbone.timing import Clock, Runner, in_turns
from vectormix_tf.benchmark import flops, peers
from vectormix_tf.benchmark.figures import Report, Row
from vectormix_tf.benchmark.processes import Start
from vectormix_tf.benchmark.workloads import PEAKS, BenchmarkSettings, Subject, noise
from vectormix_tf.config.octaves import Octave, plan
from vectormix_tf.errors import Notice
from vectormix_tf.io.fingerprint import version
from vectormix_tf.optim import estimates
from vectormix_tf.optim.canvas import pixels
from vectormix_tf.recipes import scene as scenes
from vectormix_tf.recipes.dream import dreamer
from vectormix_tf.recipes.mix import mixer

# Side of the matrices whose product tells the peak: large enough that all cores are
# busy and small enough to be done in a moment.
SIDE = 2048
LOOK = 512  # pixels a side; from there on a larger picture is seen in the same way
PACKAGES = ("vectormix_tf", "tensorflow", "keras")


class Peer(NamedTuple):
    """Another package's loop at one size.

    Attributes:
        name: A key of `peers.available()`.
        size: Side of the square picture in pixels.
    """

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} {self.size} px"


class Product(NamedTuple):
    """A product of matrices in one precision."""

    precision: str

    def __str__(self) -> str:
        return f"product of matrices {self.precision}"


def measure(
    settings: BenchmarkSettings,
    starts: Mapping[Subject, Start],
    announce: Callable[[str], None] = lambda text: None,
    clock: Clock = time.perf_counter,
) -> Report:
    """Measures everything in turns, in this process.

    Args:
        settings: What is measured.
        starts: What processes of their own have told, from `processes.measure`.
        announce: Called with a line about what comes next.
        clock: Tells seconds.
    """
    contestants = {Product(each): estimates.multiplier(each, SIDE) for each in PEAKS}
    with contextlib.ExitStack() as stack:
        contestants |= _peers(settings, stack, announce)
        for subject in settings.subjects():
            runner = _runner(subject, settings)
            stack.callback(runner.close)
            contestants[subject] = runner.turn
        seconds = in_turns(contestants, settings.rounds, announce, clock)
    return report(settings, starts, seconds)


def report(
    settings: BenchmarkSettings,
    starts: Mapping[Subject, Start],
    seconds: Mapping[Any, Sequence[float]],
) -> Report:
    """Returns what follows from the seconds of all turns.

    Args:
        settings: What was measured.
        starts: As for `measure`.
        seconds: Of the turns of each `Product`, `Peer` and `Subject`.
    """
    work = estimates.PRODUCTS * 2 * SIDE**3
    peaks = {each: work / min(seconds[Product(each)]) for each in PEAKS}
    imported = [s.imported for s in starts.values() if s.imported is not None]
    return Report(
        machine=_machine(),
        peaks=peaks,
        imported=min(imported, default=None),
        rows=tuple(
            _row(
                each,
                [turn / settings.steps for turn in seconds[each]],
                peaks,
                starts.get(each, Start()),
            )
            for each in settings.subjects()
        ),
        peers=tuple(
            _peer_row(each, seconds[each], peaks["float32"])
            for each in seconds
            if isinstance(each, Peer)
        ),
    )


def _peers(settings, stack, announce) -> dict[Peer, peers.Step]:
    """Other packages' loops, each with its first step done; `stack` ends them."""
    begun = {}
    for name, loop in peers.available().items() if settings.peers else ():
        for size in settings.sizes:
            peer = Peer(name, size)
            announce(f"first step: {peer}")
            try:
                step = stack.enter_context(loop(size))
                step()
            except peers.EndedError as error:
                announce(f"{peer} is left out: {error}")
            else:
                begun[peer] = step
    return begun


def _runner(subject: Subject, settings: BenchmarkSettings) -> Runner:
    run = functools.partial(
        subject.run,
        pause_every=settings.steps,
        steps=settings.steps * (settings.rounds + 1),
        octaves=1,  # a step is one at the full size
        finish_steps=0,
    )
    return Runner(run, settings.steps)


def _row(subject: Subject, rounds, peaks: Mapping[str, float], start: Start) -> Row:
    look, octaves = foreseen(subject), planned(subject)
    return Row(
        name=subject.recipe,
        size=subject.size,
        precision=subject.precision,
        flops=flops.forward(subject, subject.size),
        margins=flops.margins(subject),
        peak=peaks[subject.precision],
        rounds=tuple(rounds),
        steps=full_steps(look, octaves, peaks),
        start=start.stepped,
        memory=start.memory,
        foreseen_run=estimates.seconds(look, octaves, peaks),
        foreseen_memory=estimates.memory(look, octaves),
    )


def foreseen(subject: Subject) -> estimates.StepCost:
    """Returns what the estimates of a subject are made of."""
    chosen, size = subject.chosen(), min(subject.size, LOOK)
    if subject.recipe == "dream":
        problem = dreamer(chosen, pixels(), 1)
    else:
        given = noise(size), [noise(size)], None, []
        scene = scenes.read(dataclasses.replace(chosen, size=size), *given)
        problem = mixer(chosen, scene, 1)
    return estimates.step_cost(problem, subject.precision)


def planned(subject: Subject) -> list[Octave]:
    """Returns the octaves of a whole run; those left out are nobody's surprise here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        return plan((subject.size, subject.size), subject.chosen(), subject.size)


def _peer_row(peer: Peer, rounds, peak: float) -> Row:
    return Row(
        name=peer.name,
        size=peer.size,
        precision="float32",
        flops=flops.convolutions(peers.network(), peer.size),
        margins=0.0,
        peak=peak,
        rounds=tuple(rounds),
        steps=peers.STEPS,
    )


def full_steps(
    look: estimates.StepCost, octaves: Sequence[Octave], peaks: Mapping[str, float]
) -> float:
    """How many steps at its full size a whole run takes as long as."""
    whole = look.seconds(octaves[-1], peaks)
    return sum(each.steps * look.seconds(each, peaks) / whole for each in octaves)


def _machine() -> dict[str, object]:
    return {
        "platform": f"{sys.platform} {platform.machine()}",
        "cores": cores(),
        "accelerators": len(tf.config.list_physical_devices("GPU")),
        "python": platform.python_version(),
    } | {name: version(name) for name in PACKAGES}


def cores() -> int:
    """How many of the machine's cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
