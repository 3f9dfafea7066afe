"""The contestants: how each is started, and how its objects are read back."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingestion.installing import python_of
from benchmarks.ingestion.oracle import Chunks, Reading, Row

DIMENSIONS = 384
_SCRIPTS = Path(__file__).with_name("contestants")
_QUIET = {
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Places:
    """Everything that a contestant works with."""

    work: Path
    http_port: int
    grpc_port: int
    api_key: str
    embedder_url: str

    @property
    def source(self) -> Path:
        """The folder of documents."""
        return self.work / "source"

    @property
    def state(self) -> Path:
        """Where the contestant may keep what it likes."""
        return self.work / "state"


class Contestant(ABC):
    """One way to keep an index in step."""

    name: str
    note: str
    """The settings that differ from the tool's own defaults, for the reader of the results."""
    collection = "Bench"

    @abstractmethod
    def command(self, places: Places) -> list[str]:
        """What one ingestion run is."""

    @abstractmethod
    def environment(self, places: Places) -> dict[str, str]:
        """Its environment."""

    @abstractmethod
    def expected(self, places: Places, previous: Chunks | None) -> Chunks:
        """What its own splitter makes of the folder. ``previous``: of the folder as it was indexed before."""

    @abstractmethod
    def read(self, client: Any) -> Reading:
        """All its objects."""

    @abstractmethod
    def texts_of(self, client: Any, document: str) -> set[str]:
        """What a reader sees of one document at this moment."""

    def chunk_collection(self, client: Any) -> str | None:
        """The physical collection that holds the chunks, once there is one."""
        return self.collection if client.collections.exists(self.collection) else None

    def restore_command(self, places: Places) -> list[str]:
        """What is run where the store's content was lost: the same again, unless the tool knows better."""
        return self.command(places)

    def sheet_of(self, output: str) -> dict[str, Any]:  # noqa: ARG002  peers say nothing
        """What a run said of itself, as far as the results show it."""
        return {}


class Peer(Contestant):
    """A script that runs in an environment of its own."""

    def __init__(
        self, name: str, *, peer: str, script: str, note: str, extra: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.note = name, note
        self._peer, self._script, self._extra = peer, script, dict(extra or {})

    def command(self, places: Places) -> list[str]:  # noqa: ARG002  the script reads the environment
        """The script."""
        return [str(python_of(self._peer)), str(_SCRIPTS / self._script)]

    def environment(self, places: Places) -> dict[str, str]:
        """What ``contestants/given.py`` reads, and telemetry off."""
        connection = {
            "conn_type": "weaviate",
            "host": "127.0.0.1",
            "port": places.http_port,
            "extra": {"grpc_host": "127.0.0.1", "grpc_port": places.grpc_port, "token": places.api_key},
        }
        given = {
            "MODE": "ingest",
            "SOURCE": str(places.source),
            "STATE": str(places.state),
            "COLLECTION": self.collection,
            "HTTP_PORT": str(places.http_port),
            "GRPC_PORT": str(places.grpc_port),
            "API_KEY": places.api_key,
            "EMBEDDER_URL": places.embedder_url,
        }
        return {
            **plain_environment(),
            **_QUIET,
            **{f"BENCH_{key}": value for key, value in given.items()},
            "AIRFLOW_HOME": str(places.state / "airflow"),
            "AIRFLOW_CONN_WEAVIATE_DEFAULT": json.dumps(connection),
            **self._extra,
        }

    def expected(self, places: Places, previous: Chunks | None) -> Chunks:  # noqa: ARG002  cut afresh
        """The script again, in the mode that only splits."""
        import subprocess

        environment = self.environment(places) | {"BENCH_MODE": "chunks"}
        done = subprocess.run(
            self.command(places), env=environment, cwd=places.work, capture_output=True, text=True, check=True
        )
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            document, text = json.loads(line)
            found.setdefault(document, []).append(text)
        # LangChain and the hook give equal texts of one document one id: such a repetition is stored once, rightly.
        return (
            found
            if self._peer == "llamaindex"
            else {key: list(dict.fromkeys(texts)) for key, texts in found.items()}
        )

    def read(self, client: Any) -> Reading:
        """Every object of the one collection, by cursor."""
        if not client.collections.exists(self.collection):
            return Reading((), {})
        rows, stamps = [], {}
        for item in every_object(client, self.collection):
            values, key = item.properties, str(item.uuid)
            stamps[key] = str(item.metadata.last_update_time)
            name, owner = str(values.get("source")), str(values.get("owner") or "")
            rows.append(Row(key, self.collection, name, str(values.get("text")), owner))
        return Reading(tuple(rows), stamps)

    def texts_of(self, client: Any, document: str) -> set[str]:
        """By equality of the name, as the peers' own filters do it; word tokenisation is looked through here."""
        from weaviate.classes.query import Filter

        reply = client.collections.get(self.collection).query.fetch_objects(
            filters=Filter.by_property("source").equal(document), limit=500
        )
        return {str(item.properties["text"]) for item in reply.objects if item.properties["source"] == document}


def every_object(client: Any, collection: str) -> Iterable[Any]:
    """By cursor, with the time of the last update."""
    from weaviate.classes.query import MetadataQuery

    return client.collections.get(collection).iterator(  # type: ignore[no-any-return]
        return_metadata=MetadataQuery(last_update_time=True), cache_size=500
    )


def plain_environment() -> dict[str, str]:
    """This process's environment without what belongs to Wellread or Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WELLREAD_", "PYTHON"))}
    return kept | {"PYTHONUNBUFFERED": "1"}


def contestants() -> dict[str, Contestant]:
    """All of them, by the name that the options take."""
    from benchmarks.ingestion.own import Own

    recursive = "RecursiveCharacterTextSplitter 800/0"
    langchain = f"index(), SQLRecordManager on sqlite, key_encoder sha1, {recursive}; no token counting by download"
    all_of_them = [
        Own(sys.executable),
        Peer(
            "langchain_full",
            peer="langchain",
            script="langchain_index.py",
            note=f"{langchain}; cleanup full",
            extra={"BENCH_CLEANUP": "full"},
        ),
        Peer(
            "langchain_incremental",
            peer="langchain",
            script="langchain_index.py",
            note=f"{langchain}; cleanup incremental",
            extra={"BENCH_CLEANUP": "incremental"},
        ),
        Peer(
            "llamaindex",
            peer="llamaindex",
            script="llamaindex_pipeline.py",
            note="IngestionPipeline, upserts_and_delete, SimpleDocumentStore, cache; SentenceSplitter 200/0",
        ),
        Peer(
            "airflow_hook",
            peer="airflow_hook",
            script="airflow_hook.py",
            note=f"WeaviateHook, existing=replace, {recursive}; document column tokenised as field",
        ),
    ]
    return {one.name: one for one in all_of_them}
