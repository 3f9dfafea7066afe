"""The peers, each a script in an environment of its own, and the list of all contestants."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ingestion.competing import Contestant, Places, Sizes, every_object, plain_environment
from benchmarks.ingestion.corpus import SIDECAR, documents
from benchmarks.ingestion.installing import python_of
from benchmarks.ingestion.oracle import Chunks, Reading, Row

_SCRIPTS = Path(__file__).with_name("contestants")
_QUIET = {
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
}

_RECURSIVE = "RecursiveCharacterTextSplitter 800/0"


class Peer(Contestant):
    """A script that runs in an environment of its own."""

    def __init__(
        self,
        name: str,
        *,
        peer: str,
        script: str,
        note: str,
        extra: Mapping[str, str] | None = None,
        keeps_repetitions: bool = False,
    ) -> None:
        """``keeps_repetitions``: texts that stand twice in a document are two objects, not one of one id."""
        self.name, self.note = name, note
        self._peer, self._script, self._extra = peer, script, dict(extra or {})
        self._keeps_repetitions = keeps_repetitions
        self._cut: dict[tuple[str, str], list[str]] = {}

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
        """The script again, in the mode that only splits. Asked once for each content."""
        wanted = {name: (name, _content_of(places.source, name)) for name in documents(places.source)}
        unknown = [name for name, key in wanted.items() if key not in self._cut]
        if unknown:
            found = self._split(places, unknown)
            self._cut |= {wanted[name]: found.get(name, []) for name in unknown}
        return {name: self._cut[key] for name, key in wanted.items() if self._cut[key]}

    def _split(self, places: Places, names: Sequence[str]) -> dict[str, list[str]]:
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as only:
            json.dump(names, only)
            only.flush()
            environment = self.environment(places) | {"BENCH_MODE": "chunks", "BENCH_ONLY": only.name}
            done = subprocess.run(
                self.command(places), env=environment, cwd=places.work, capture_output=True, text=True, check=True
            )
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            document, text = json.loads(line)
            found.setdefault(document, []).append(text)
        if self._keeps_repetitions:
            return found
        return {key: list(dict.fromkeys(texts)) for key, texts in found.items()}

    def read(self, client: Any, places: Places) -> Reading:
        """Every object of the one collection, by cursor."""
        if not client.collections.exists(self.collection):
            return Reading((), {})
        rows, stamps = [], {}
        for item in every_object(client, self.collection):
            key = str(item.uuid)
            stamps[key] = str(item.metadata.last_update_time)
            name, owner = self.document_of(item.properties, places)
            rows.append(Row(key, self.collection, name, str(item.properties.get("text")), owner))
        return Reading(tuple(rows), stamps)

    def document_of(self, properties: Mapping[str, Any], places: Places) -> tuple[str, str]:  # noqa: ARG002
        """Name and owner that an object carries."""
        return str(properties.get("source")), str(properties.get("owner") or "")

    def key_of(self, document: str, places: Places) -> tuple[str, str]:  # noqa: ARG002
        """The property that names an object's document, and what it holds for this one."""
        return "source", document

    def texts_of(self, client: Any, places: Places, document: str) -> set[str]:
        """By equality of the name, as the peers' own filters do it; word tokenisation is looked through here."""
        from weaviate.classes.query import Filter

        key, value = self.key_of(document, places)
        reply = client.collections.get(self.collection).query.fetch_objects(
            filters=Filter.by_property(key).equal(value), limit=500, return_properties=[key, "text"]
        )
        return {str(item.properties["text"]) for item in reply.objects if item.properties[key] == value}


class Unstructured(Peer):
    """unstructured-ingest names a document by its absolute path, and takes no metadata but the file's own."""

    most = Sizes(60, 32)
    cannot = {"W4": "takes no metadata of the user's"}  # noqa: RUF012  as declared

    def document_of(self, properties: Mapping[str, Any], places: Places) -> tuple[str, str]:
        """Name, no owner."""
        path = Path(str(properties.get("record_id")))
        source = places.source.resolve()
        return (path.relative_to(source).as_posix() if path.is_relative_to(source) else str(path)), ""

    def key_of(self, document: str, places: Places) -> tuple[str, str]:
        """The path."""
        return "record_id", str(places.source.resolve() / document)


def _content_of(folder: Path, name: str) -> str:
    sidecar = folder / f"{name}{SIDECAR}"
    said = sidecar.read_bytes() if sidecar.is_file() else b""
    return hashlib.sha256((folder / name).read_bytes() + b"\0" + said).hexdigest()


def contestants() -> dict[str, Contestant]:
    """All of them, by the name that the options take, in the order in which they are measured."""
    from benchmarks.ingestion.own import Own

    unstructured = Unstructured(
        "unstructured_ingest",
        peer="unstructured_ingest",
        script="unstructured_pipeline.py",
        note="local to weaviate-local, work folder kept, by_title 800; rules in place of its spaCy model",
        keeps_repetitions=True,
    )
    first, last = (_langchain(cleanup) for cleanup in ("full", "incremental"))
    return {one.name: one for one in (Own(sys.executable), first, *_frameworks(), unstructured, last)}


def _langchain(cleanup: str) -> Peer:
    return Peer(
        f"langchain_{cleanup}",
        peer="langchain",
        script="langchain_index.py",
        note=f"index(), SQLRecordManager on sqlite, key_encoder sha1, {_RECURSIVE}; no token counting by download; "
        f"cleanup {cleanup}",
        extra={"BENCH_CLEANUP": cleanup},
    )


def _frameworks() -> tuple[Peer, ...]:
    return (
        Peer(
            "llamaindex",
            peer="llamaindex",
            script="llamaindex_pipeline.py",
            note="IngestionPipeline, upserts_and_delete, SimpleDocumentStore, cache; SentenceSplitter 200/0",
            keeps_repetitions=True,
        ),
        Peer(
            "airflow_hook",
            peer="airflow_hook",
            script="airflow_hook.py",
            note=f"WeaviateHook, existing=replace, {_RECURSIVE}; document column tokenised as field",
        ),
    )
