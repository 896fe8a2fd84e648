"""Sockets that this process listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from server.errors import ConfigurationError


@contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Bind the configured address before anything else starts, so that a taken port is told at once.

    Raises:
        ConfigurationError: The address is taken, forbidden or does not exist.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as opened:
        try:
            listener = opened.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except (OSError, UnicodeError) as error:
            raise unusable_address(error, host, port, "RETAIL") from None
        yield listener


def unusable_address(error: Exception, host: str, port: int, prefix: str) -> ConfigurationError:
    """Why nothing can listen at an address, and which of its two settings is wrong.

    Args:
        error: What the system said.
        host: The address.
        port: The port.
        prefix: Of the two settings, before _HOST and _PORT.
    """
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return ConfigurationError(
            f"Port {port} on {host} is in use by another program. Set {prefix}_PORT to another one (0 picks a free "
            "one), or stop the other program."
        )
    if number in (errno.EACCES, errno.EPERM):
        return ConfigurationError(
            f"Port {port} may not be used by this user: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE). Set "
            f"{prefix}_PORT to a higher one, and let a proxy listen on the low one (docs/remote.md)."
        )
    if number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) or isinstance(error, socket.gaierror | UnicodeError):
        return ConfigurationError(
            f"{host} is no address of this machine. Set {prefix}_HOST to one of its own: 127.0.0.1 for this machine "
            "alone, 0.0.0.0 for every network that it is in."
        )
    return ConfigurationError(
        f"Nothing can listen on {host}, port {port} ({type(error).__name__}). Check {prefix}_HOST and {prefix}_PORT."
    )
