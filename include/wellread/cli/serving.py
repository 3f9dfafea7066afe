"""``wellread server ...``."""

from __future__ import annotations

import typer

from wellread.cli.opening import opened
from wellread.cli.output import EXIT_NOTHING, Output
from wellread.server.control import ensure_server, install_server, server_status, stop_server


def start(output: Output) -> None:
    """Start or find the server."""
    with opened(output) as workspace:
        address = ensure_server(workspace.settings.server, workspace.home, report=output.note)
    output.result(
        {"state": "running", "url": address.url, "grpc_port": address.grpc_port, "source": address.source}
    )
    output.line(f"Weaviate is ready at {address.url} (gRPC port {address.grpc_port}).")


def stop(output: Output) -> None:
    """Stop the server of this home."""
    with opened(output) as workspace:
        stopped = stop_server(workspace.home, settings=workspace.settings.server)
    output.result({"state": "stopped", "was_running": stopped})
    output.line("Weaviate was stopped." if stopped else "No Weaviate of this home was running.")


def status(output: Output) -> None:
    """Look, change nothing."""
    with opened(output) as workspace:
        found = server_status(workspace.home, settings=workspace.settings.server)
    url = None if found.address is None else found.address.url
    output.result(
        {"state": found.state, "url": url, "version": found.version, "pid": found.pid, "log": str(found.log)}
    )
    output.line(f"Weaviate {found.version or ''} is {found.state}{'' if url is None else f' at {url}'}.")
    output.line(f"Log: {found.log}")
    if found.state != "running":
        raise typer.Exit(EXIT_NOTHING)


def install(output: Output) -> None:
    """Make sure that there is a binary to start."""
    with opened(output) as workspace:
        found = install_server(workspace.settings.server, report=output.note)
    output.result({"installed": found})
    output.line(f"Weaviate server: {found}")
