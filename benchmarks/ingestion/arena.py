"""Servers and folders of one contestant, and the state after its first load, to which every workload returns."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.ingestion import oracle
from benchmarks.ingestion.competing import Contestant, Places
from benchmarks.ingestion.corpus import documents, owner_of, write_corpus
from benchmarks.ingestion.oracle import Chunks, Errors, Reading
from benchmarks.ingestion.processes import Ended, Running

from wellread.server.binaries import cached_binary, given_binary
from wellread.server.control import ensure_server, install_server, server_status, stop_server
from wellread.server.settings import ServerSettings
from wellread.testing.provider_server import ProviderServer

AUDITED = 200
_POLL_SECONDS = 0.03


class Arena:
    """One contestant's place. ``work`` is what it sees; ``base`` holds the state after a clean first load."""

    def __init__(self, folder: Path, contestant: Contestant, embedder: ProviderServer) -> None:
        self.contestant, self.embedder = contestant, embedder
        self._folder, self._work = folder, folder / "work"
        self._http_port, self._grpc_port = _free_port(), _free_port()
        # The hook needs more results than the default beyond 10,000 chunks: all get the same server.
        self._server = ServerSettings(
            http_port=self._http_port,
            grpc_port=self._grpc_port,
            query_maximum_results=200_000,
            binary=str(_server_program(folder)),
        )
        self._runs = 0
        self._stamps: dict[str, Mapping[str, str]] = {}
        self.places = Places(self._work, self._http_port, self._grpc_port, "", embedder.openai_url)

    # -- states -----------------------------------------------------------------------------------------------
    def prepare(self, count: int) -> None:
        """A fresh folder of documents, an empty store, no state."""
        self._forget()
        write_corpus(self.places.source, count)
        self.places.state.mkdir(parents=True)
        self.start_store()
        self.embedder.reset()

    def keep(self, name: str) -> None:
        """Set the present state aside, whole or not at all."""
        self.stop_store()
        kept, part = self._folder / name, self._folder / f"{name}.part"
        for folder in (kept, part):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._work, part, symlinks=True)
        part.rename(kept)
        self._stamps.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether that state was kept."""
        return (self._folder / name).is_dir()

    def return_to(self, name: str) -> None:
        """Begin again from a state that was kept."""
        self._forget()
        shutil.copytree(self._folder / name, self._work, symlinks=True)
        self.start_store()
        self.embedder.reset()

    def stamps_of(self, name: str) -> Mapping[str, str]:
        """When each object of a kept state was updated, which is the present one. Read once."""
        if name not in self._stamps:
            self._stamps[name] = self.read().stamps
        return self._stamps[name]

    def _forget(self) -> None:
        """Nothing of the present state is needed any more: its server need not end in order."""
        if (self._work / "store").is_dir():
            if server_status(self._work / "store", settings=self._server).pid is not None:
                self.kill_store()
            self.stop_store()
        shutil.rmtree(self._work, ignore_errors=True)

    def wipe_store(self) -> None:
        """Lose the content of the store; everything else stays."""
        self.stop_store()
        shutil.rmtree(self._work / "store")
        self.start_store()

    # -- the store --------------------------------------------------------------------------------------------
    def start_store(self) -> None:
        """Start the server and connect to it."""
        address = ensure_server(self._server, self._work / "store")
        self.places = replace(self.places, api_key=address.api_key or "")

    def stop_store(self) -> None:
        """In order."""
        stop_server(self._work / "store", settings=self._server)

    def kill_store(self) -> None:
        """SIGKILL, as by the kernel's own hand."""
        pid = server_status(self._work / "store", settings=self._server).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Stop what runs."""
        if (self._work / "store").is_dir():
            self.stop_store()

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """Weaviate's own client, for reading."""
        import weaviate

        with weaviate.connect_to_local(
            port=self._http_port,
            grpc_port=self._grpc_port,
            auth_credentials=weaviate.auth.Auth.api_key(self.places.api_key),
            skip_init_checks=True,
        ) as client:
            yield client

    # -- the contestant ---------------------------------------------------------------------------------------
    def start(self, command: list[str] | None = None) -> Running:
        """Begin one run."""
        self._runs += 1
        return Running(
            command or self.contestant.command(self.places),
            self.contestant.environment(self.places),
            self._work,
            f"run-{self._runs}",
        )

    def run(self) -> Ended:
        """One whole run."""
        return self.start().wait()

    def when(self, running: Running, is_time: Callable[[], bool]) -> bool:
        """Wait until something is so; false where the run ended before."""
        while not running.has_ended:
            if is_time():
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def embedded(self) -> int:
        """Texts embedded since the state was set up."""
        return self.embedder.texts_count()

    @contextlib.contextmanager
    def counting(self, what: str) -> Iterator[Callable[[], int]]:
        """Counts ``embedded`` texts, or ``stored`` chunks, whoever can see them."""
        if what == "embedded":
            yield self.embedded
            return
        from weaviate.exceptions import WeaviateQueryError

        with self.client() as client:

            def stored() -> int:
                name = self.contestant.chunk_collection(client)
                if name is None:
                    return 0
                try:
                    return client.collections.get(name).aggregate.over_all().total_count or 0
                except WeaviateQueryError:  # a collection is listed a moment before it can be asked
                    return 0

            yield stored

    # -- reading ----------------------------------------------------------------------------------------------
    def read(self) -> Reading:
        """Everything in the index."""
        with self.client() as client:
            return self.contestant.read(client, self.places)

    def expected(self, previous: Chunks | None) -> Chunks:
        """What should be there."""
        return self.contestant.expected(self.places, previous)

    def judge(self, expected: Chunks, *, sample: int | None = AUDITED) -> tuple[Errors, Reading]:
        """The errors in the index as it is."""
        owners = {name: owner_of(self.places.source, name) for name in documents(self.places.source)}
        with self.client() as client:
            reading = self.contestant.read(client, self.places)
            found = oracle.compare(reading.rows, expected, owners)
            outside, audited = oracle.outside_vector_index(client, reading.rows, sample=sample)
        return replace(found, outside=outside, audited=audited), reading


def _server_program(folder: Path) -> Path:
    """Weaviate with its own AUTOSCHEMA_ENABLED=true, which the peers count on (``local_weaviate`` sets false)."""
    settings = ServerSettings()
    install_server(settings)
    program, path = given_binary(settings) or cached_binary(settings), folder / "weaviate-server"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nAUTOSCHEMA_ENABLED=true exec "{program}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
