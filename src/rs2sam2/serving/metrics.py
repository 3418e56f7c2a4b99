"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Of one server; a registry of its own, so that several can live in a process."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "rs2sam2_requests", "Requests answered, by route and status", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "rs2sam2_request_seconds",
            "From a request's head to its answer",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.waiting = Gauge("rs2sam2_waiting", "Requests that wait for the model", registry=registry)
        self.passes = Counter("rs2sam2_model_passes", "Runs of the model", registry=registry)
        self.questions = Counter("rs2sam2_model_questions", "Expressions that the model was asked", registry=registry)
        self.model_seconds = Histogram(
            "rs2sam2_model_seconds", "Of one run of the model", buckets=_SECONDS, registry=registry
        )
        self.abandoned = Counter(
            "rs2sam2_abandoned", "Requests whose client left or whose time was up", registry=registry
        )
        self.cached = Counter("rs2sam2_cached", "Requests answered from kept results", registry=registry)
