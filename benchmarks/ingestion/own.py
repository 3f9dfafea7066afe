"""Wellread as a contestant: ``wellread ingest`` as a process, at its defaults."""

from __future__ import annotations

import json
import os
from typing import Any

from benchmarks.ingestion.competing import DIMENSIONS, Contestant, Places, every_object, plain_environment
from benchmarks.ingestion.corpus import documents
from benchmarks.ingestion.oracle import Chunks, Reading, Row

from wellread.chunking.chunker import chunk
from wellread.cleaning.cleaner import clean
from wellread.documents import Chunk
from wellread.identities import document_id
from wellread.models.embedding.factory import build_embedder
from wellread.parsing.pool import ParserPool
from wellread.stores.weaviate_heads import read_newest_head
from wellread.workspace.settings import Settings, load_settings

SOURCE_ID = "corpus"


class Own(Contestant):
    """Wellread; the folder is a declared source, because side-cars are read of declared ones."""

    name = "wellread"
    note = "wellread ingest corpus --json, defaults; side-cars declared (access.from: sidecar)"
    collection = "Documents"

    def __init__(self, python: str) -> None:
        self._python = python
        self._cuts: dict[str, tuple[Chunk, ...]] = {}

    def command(self, places: Places) -> list[str]:
        """The declaration is written where it is missing."""
        path = places.work / "sources" / f"{SOURCE_ID}.yaml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"id: {SOURCE_ID}", "kind: folder", f"location: {places.source}", "access: {from: sidecar}"]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [self._python, "-m", "wellread", "ingest", SOURCE_ID, "--json"]

    def restore_command(self, places: Places) -> list[str]:  # noqa: ARG002
        """The command that makes an index again."""
        return [self._python, "-m", "wellread", "rebuild", self.collection, "--json"]

    def environment(self, places: Places) -> dict[str, str]:
        """Home, store and embedding server; everything else as it comes."""
        given = {
            "HOME": str(places.state),
            "SOURCES_FOLDER": str(places.work / "sources"),
            "SERVER__HTTP_HOST": "127.0.0.1",
            "SERVER__HTTP_PORT": str(places.http_port),
            "SERVER__GRPC_PORT": str(places.grpc_port),
            "SERVER__API_KEY": places.api_key,
            "EMBEDDER__PROVIDER": "openai",
            "EMBEDDER__OPENAI__BASE_URL": places.embedder_url,
            "EMBEDDER__OPENAI__API_KEY": "testing",
            "EMBEDDER__OPENAI__DIMENSIONS": str(DIMENSIONS),
        }
        own = {f"WELLREAD_{key}": value for key, value in given.items()}
        return plain_environment() | own | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}

    def expected(self, places: Places, previous: Chunks | None) -> Chunks:
        """Parser, cleaner and splitter called by hand; each document is cut where it was cut when asked last."""
        settings = self._settings(places)
        embedder = build_embedder(settings.embedder)
        before = {} if previous is None else self._cuts
        found: dict[str, tuple[Chunk, ...]] = {}
        with ParserPool(settings.parsing) as pool:
            for name in documents(places.source):
                parsed = pool.parse((places.source / name).read_bytes(), name)
                found[name] = chunk(
                    clean(parsed, settings.cleaning),
                    settings.chunking,
                    count_tokens=embedder.count_tokens,
                    max_tokens=embedder.limits.tokens_per_text,
                    previous=before.get(name, ()),
                )
        embedder.close()
        if previous is None:
            self._cuts |= found
        return {name: [item.text for item in chunks] for name, chunks in found.items()}

    def read(self, client: Any) -> Reading:
        """What the newest head shows; stamps of all objects, closed ones too."""
        head = read_newest_head(client, self.collection)
        if head is None:
            return Reading((), self._stamps(client))
        stamps: dict[str, str] = {}
        names: dict[str, tuple[str, str]] = {}
        for item in every_object(client, head.projection.versions):
            values = item.properties
            stamps[str(item.uuid)] = str(item.metadata.last_update_time)
            if head.snapshot.shows(int(values["rev_from"]), int(values["rev_to"])):
                body = json.loads(values["body"])
                names[values["doc_id"]] = (body["natural_key"], str(body["metadata"].get("owner", "")))
        rows = []
        for item in every_object(client, head.projection.chunks):
            values = item.properties
            stamps[str(item.uuid)] = str(item.metadata.last_update_time)
            if head.snapshot.shows(int(values["rev_from"]), int(values["rev_to"])):
                name, owner = names.get(values["doc_id"], (f"unknown {values['doc_id']}", ""))
                rows.append(Row(str(item.uuid), head.projection.chunks, name, values["text"], owner))
        return Reading(tuple(rows), stamps)

    def texts_of(self, client: Any, document: str) -> set[str]:
        """The newest head, then what it shows of the document: two requests, as every search of the library."""
        from weaviate.classes.query import Filter

        head = read_newest_head(client, self.collection)
        if head is None:
            return set()
        doc_id = str(document_id("default", SOURCE_ID, document))
        reply = client.collections.get(head.projection.chunks).query.fetch_objects(
            filters=Filter.by_property("doc_id").equal(doc_id), limit=500
        )
        rows = [item.properties for item in reply.objects]
        shown = [row for row in rows if head.snapshot.shows(int(row["rev_from"]), int(row["rev_to"]))]
        return {str(row["text"]) for row in shown}

    def chunk_collection(self, client: Any) -> str | None:
        """The newest physical copy, also before there is a head."""
        names = [name for name in client.collections.list_all() if name.startswith(f"{self.collection}_chunks_")]
        return max(names, default=None)

    def sheet_of(self, output: str) -> dict[str, Any]:
        """What the balance sheet counts."""
        try:
            sheet = json.loads(output)
        except ValueError:
            return {}
        shown = {key: value for key, value in sheet.get("documents", {}).items() if value}
        return {"documents": shown, "held": len(sheet.get("holds", []))} if shown else {}

    def _stamps(self, client: Any) -> dict[str, str]:
        names = [name for name in client.collections.list_all() if name.startswith(self.collection)]
        return {
            str(item.uuid): str(item.metadata.last_update_time)
            for name in names
            for item in every_object(client, name)
        }

    def _settings(self, places: Places) -> Settings:
        given = {name: value for name, value in self.environment(places).items() if name.startswith("WELLREAD_")}
        before = {name: value for name, value in os.environ.items() if name.startswith("WELLREAD_")}
        os.environ |= given
        try:
            return load_settings(None)
        finally:
            for name in given:
                del os.environ[name]
            os.environ |= before
