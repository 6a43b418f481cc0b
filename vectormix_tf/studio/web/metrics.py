"""What Prometheus is told, on a port of its own: numbers, and no names."""

import threading
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vectormix_tf.studio import schema
from vectormix_tf.studio.outlook import Line

# Seconds: a page should take some tens of milliseconds, an upload a second or two, and
# a request for news waits.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0)


class Metrics:
    """Of one web process.

    Attributes:
        registry: Of Prometheus' client.
        seconds: Of requests, by route, method and status.
        waiting: Jobs that wait.
        running: Jobs that run.
        workers: That are alive.
        line: Seconds of work that wait.
        jobs: How many there are, by state.
        pollers: Requests that wait for news.
        uploads: Pictures that were taken, or why they were not.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"namespace": "vectormix", "registry": self.registry}
        names = ("route", "method", "status")
        self.seconds = Histogram(
            "request_seconds", "Time of requests", names, buckets=BUCKETS, **own
        )
        self.waiting = Gauge("queue_waiting_jobs", "Jobs that wait", **own)
        self.running = Gauge("queue_running_jobs", "Jobs that run", **own)
        self.workers = Gauge("workers", "Workers that are alive, or run a job", **own)
        self.line = Gauge("queue_waiting_seconds", "Work that waits", **own)
        self.jobs = Gauge("jobs", "Jobs in the database", ["state"], **own)
        self.pollers = Gauge("pollers", "Requests that wait for news", **own)
        self.uploads = Counter("uploads", "Pictures that people sent", ["end"], **own)
        for state in schema.JOB_STATES:
            self.jobs.labels(state)

    def tell_line(self, line: Line) -> None:
        """Tells how long the line is."""
        self.waiting.set(line.waiting)
        self.running.set(line.running)
        self.workers.set(line.workers)
        self.line.set(line.waiting_seconds)

    def tell_jobs(self, states: dict[str, int]) -> None:
        """Tells how many jobs there are, by state."""
        for state, count in states.items():
            self.jobs.labels(state).set(count)

    def listen(self, host: str, port: int) -> "Listener":
        """Serves them in a thread of its own."""
        server, thread = prometheus_client.start_http_server(
            port, host, registry=self.registry
        )
        return Listener(server, thread)


class Listener:
    """The port of the metrics.

    Attributes:
        port: Its number.
    """

    def __init__(self, server: Any, thread: threading.Thread):
        self._server, self._thread = server, thread
        self.port = server.server_port

    def close(self) -> None:
        """Closes the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
