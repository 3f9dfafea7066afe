"""The local Weaviate: find or install, start, stop."""

from wellread.server.addresses import ServerAddress
from wellread.server.control import ServerStatus, ensure_server, install_server, server_status, stop_server
from wellread.server.settings import ServerSettings

__all__ = [
    "ServerAddress",
    "ServerSettings",
    "ServerStatus",
    "ensure_server",
    "install_server",
    "server_status",
    "stop_server",
]
