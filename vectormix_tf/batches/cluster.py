"""Pools on Ray: workers that are actors, on this machine or on a cluster."""

import contextlib
import dataclasses
import os
import secrets
import socket
import sys
import time
from typing import Any

from vectormix_tf.batches.pools import STOP_SECONDS, Event
from vectormix_tf.batches.worker import ItemRunner, Task
from vectormix_tf.errors import InputError
from vectormix_tf.io import threads

LOCAL = "local"
STORE_BYTES = 128 << 20  # of Ray's object store; pictures do not go through it
KNOCK_SECONDS = 5.0  # that a cluster has to take a connection
ASK_SECONDS = 2.0  # between two questions how far the workers are


class Worker:
    """An actor; its methods may run at the same time."""

    def __init__(self):
        self._runner = ItemRunner()

    def make(self, task: dict[str, Any]) -> dict[str, Any]:
        """As `ItemRunner.make`."""
        return self._runner.make(Task(**task))

    def fraction(self) -> float:
        """How much of the present item is done; answers when the actor is there."""
        return self._runner.fraction

    def stop(self) -> None:
        """Breaks off."""
        self._runner.stop = True


class RayPool:
    """A pool of Ray actors, of one core each.

    Ray starts an actor again that has died, on another node if its own is gone. It is
    ready when it answers. A Ray whose node of this process is gone is started again.
    """

    def __init__(self, address: str, count: int):
        """Connects to a cluster, or starts one of this machine.

        Args:
            address: "local", or the address of a cluster as `ray.init` takes it. If
                this process is connected already, that connection is used.
            count: How many actors; 0 takes as many as the cluster has cores.

        Raises:
            InputError: If Ray is missing, or no cluster is there.
        """
        self._address, self._count = address, count
        self._begin()

    def _begin(self) -> None:
        """Connects, and starts the actors."""
        self._ray, self._is_ours = _connect(self._address, self._count)
        self._node = self._ray.get_runtime_context().get_node_id()
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        kind = self._ray.remote(
            num_cpus=1, max_restarts=-1, max_task_retries=0, max_concurrency=3
        )(Worker)
        variables = threads.variables(1)
        self._actors = {
            str(i + 1): kind.options(runtime_env={"env_vars": variables}).remote()
            for i in range(self._count or max(1, cores))
        }
        self._running: dict[Any, str] = {}  # make
        self._asked: dict[Any, str] = {}  # fraction
        self._present: set[str] = set()
        self._due = 0.0

    def give(self, worker: str, task: Task) -> None:
        """See `Pool`."""
        answer = self._actors[worker].make.remote(dataclasses.asdict(task))
        self._running[answer] = worker

    def events(self, seconds: float) -> list[Event]:
        """See `Pool`."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + ASK_SECONDS
            for worker in set(self._actors) - set(self._asked.values()):
                self._asked[self._actors[worker].fraction.remote()] = worker
        waiting = [*self._running, *self._asked]
        if not waiting:
            time.sleep(min(seconds, ASK_SECONDS / 10))
            return []
        done, _ = self._ray.wait(waiting, num_returns=1, timeout=seconds)
        more, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        answers = [self._event(answer) for answer in dict.fromkeys([*done, *more])]
        events = [event for event in answers if event is not None]
        if any(event.state == "died" for event in events) and self._is_lost():
            events += self._begin_again()
        return events

    def _event(self, answer: Any) -> Event | None:
        """What an answer tells; None if it is nothing new."""
        from ray.exceptions import RayError

        is_task = answer in self._running
        worker = (self._running if is_task else self._asked).pop(answer)
        try:
            value = self._ray.get(answer)
        except RayError as error:
            if not is_task and worker in self._running.values():
                return None  # the task tells it too
            self._present.discard(worker)
            text = str(error).strip().splitlines()[0]
            return Event(worker, "died", {"error": text})
        if is_task:
            return Event(worker, value.pop("state"), value)
        if worker in self._present:
            return Event(worker, "working", {"fraction": value})
        self._present.add(worker)
        return Event(worker, "ready", {})

    def _is_lost(self) -> bool:
        """Whether the node of this process is gone: Ray starts none of its actors."""
        nodes = {node["NodeID"]: node["Alive"] for node in self._ray.nodes()}
        return not nodes.get(self._node, False)

    def _begin_again(self) -> list[Event]:
        """Connects anew, with new actors; returns the deaths of all old ones.

        Of idle ones too: a worker that is ready already would be given two tasks when
        its new actor says that it is ready.
        """
        text = "Ray's node of this process has ended"
        if not self._is_ours:
            raise InputError(f"{text}; connect again. The same batch goes on.")
        died = [Event(worker, "died", {"error": text}) for worker in self._actors]
        self._ray.shutdown()
        self._begin()
        return died

    def close(self) -> None:
        """See `Pool`."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            for actor in self._actors.values():
                actor.stop.remote()
            if self._running:
                waiting = list(self._running)
                self._ray.wait(waiting, num_returns=len(waiting), timeout=STOP_SECONDS)
            for actor in self._actors.values():
                self._ray.kill(actor)
        if self._is_ours:
            self._ray.shutdown()


def _connect(address: str, count: int) -> tuple[Any, bool]:
    """Returns Ray, connected, and whether it was not before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
    if address == LOCAL and "ray" not in sys.modules:  # it reads them when imported
        # It listens on all networks, and would run what anybody sends: only who has
        # this environment may.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "`ray` needs the package: pip install 'vectormix_tf[cluster]'."
        ) from error
    if ray.is_initialized():
        return ray, False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        quiet |= {"num_cpus": count or threads.cores(), "include_dashboard": False}
        quiet |= {"object_store_memory": STORE_BYTES}
    else:
        quiet["address"] = address
    try:
        _knock(address)
        ray.init(**quiet)
    except (OSError, ValueError, RuntimeError) as error:
        text = str(error).strip().splitlines()[0]
        raise InputError(f"`ray` {address} cannot be reached: {text}") from error
    return ray, True


def _knock(address: str) -> None:
    """Raises an `OSError` if nothing listens there: Ray would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()
