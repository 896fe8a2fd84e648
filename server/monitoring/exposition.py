"""Serving metrics on a port of their own, from a thread of its own: also while the event loop is busy."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from server.process.sockets import unusable_address

logger = logging.getLogger(__name__)


@contextmanager
def exposed(registry: CollectorRegistry, host: str, port: int, *, processes: int = 1) -> Iterator[int]:
    """Serve a registry over HTTP while the block runs.

    Args:
        registry: What to serve.
        host: Address to listen on.
        port: TCP port; 0 picks a free one.
        processes: Server processes on this machine that share these settings. Each takes the first port, from
            `port` on, that no other has: one that takes the place of another takes its port too.

    Yields:
        The port.

    Raises:
        ConfigurationError: No such port can be had.
    """
    for candidate in range(port, port + processes):
        try:
            server, thread = start_http_server(candidate, host, registry)
        except (OSError, UnicodeError, OverflowError) as error:
            # Only a port that another process has leads on to the next one.
            if getattr(error, "errno", None) == errno.EADDRINUSE and candidate < port + processes - 1:
                continue
            raise unusable_address(error, host, candidate, "RETAIL_METRICS") from None
        break
    try:
        # Whoever scrapes has a port to look at.
        logger.info("Serving metrics at http://%s:%d/metrics", host, server.server_port)
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
