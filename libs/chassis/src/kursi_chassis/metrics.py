"""Prometheus: the metrics of calls, and the endpoint that shows all metrics of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from kursi_chassis.addresses import host_and_port

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RPC_SECONDS = Histogram(
    "kursi_rpc_seconds",
    "Time to answer a call, by method and status.",
    ("method", "status"),
    buckets=_SECONDS,
)
RPC_IN_FLIGHT = Gauge("kursi_rpc_in_flight", "Calls being answered now, by kind.", ("kind",))
RPC_REFUSED = Counter("kursi_rpc_refused_total", "Calls refused because too many were in flight.", ("kind",))
RPC_REASONS = Counter(
    "kursi_rpc_errors_total", "Calls answered with an error, by method and reason.", ("method", "reason")
)
REMOTE_SECONDS = Histogram(
    "kursi_remote_seconds",
    "Time a call to another service took, by service, method and status.",
    ("dependency", "method", "status"),
    buckets=_SECONDS,
)
TOKEN_KEYS_FETCHED = Counter(
    "kursi_token_keys_fetched_total",
    "Fetches of the keys that tokens are checked with, by outcome.",
    ("outcome",),
)
HTTP_OUTCOMES = Counter(
    "kursi_http_outcomes_total",
    "Requests to foreign HTTP services, by host and outcome.",
    ("host", "outcome"),
)


@contextmanager
def serve_metrics(address: str | None) -> Iterator[None]:
    """Show the metrics at `http://<address>/metrics` from a thread of its own while the block runs; None:
    nowhere.
    """
    if address is None:
        yield
        return
    host, port = host_and_port(address)
    server, thread = start_http_server(port, host)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
