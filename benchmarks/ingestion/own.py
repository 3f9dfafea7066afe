"""Wellread as a contestant: ``wellread ingest`` as a process, at its defaults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ingestion.competing import DIMENSIONS, Contestant, Places, every_object, plain_environment
from benchmarks.ingestion.corpus import documents
from benchmarks.ingestion.oracle import Chunks, Reading, Row

from wellread.chunking.chunker import chunk
from wellread.cleaning.cleaner import clean
from wellread.documents import Chunk, CleanedDocument
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
        self._given: dict[str, str] = {}
        self._cleaned: dict[tuple[str, bytes], CleanedDocument] = {}
        self._fresh: dict[tuple[str, bytes, str], tuple[Chunk, ...]] = {}
        self._last: dict[str, tuple[tuple[str, bytes, str], tuple[Chunk, ...]]] = {}

    @contextlib.contextmanager
    def given(self, **settings: str) -> Iterator[None]:
        """Other settings meanwhile, by the end of their variables' names: ``EMBEDDER__OPENAI__MODEL``."""
        before, self._given = self._given, {**self._given, **settings}
        try:
            yield
        finally:
            self._given = before

    def tool(self, *arguments: str) -> list[str]:
        """Any other command of Wellread's."""
        return [self._python, "-m", "wellread", *arguments, "--json"]

    def declare(self, places: Places, source: str, location: Path) -> None:
        """Write a source's declaration where it is missing."""
        path = places.work / "sources" / f"{source}.yaml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"id: {source}", "kind: folder", f"location: {location}", "access: {from: sidecar}"]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self, places: Places) -> list[str]:
        """The declaration is written where it is missing."""
        self.declare(places, SOURCE_ID, places.source)
        return self.tool("ingest", SOURCE_ID)

    def restore_command(self, places: Places) -> list[str]:  # noqa: ARG002
        """The command that makes an index again."""
        return self.tool("rebuild", self.collection)

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
            **self._given,
        }
        own = {f"WELLREAD_{key}": value for key, value in given.items()}
        return plain_environment() | own | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}

    def expected(self, places: Places, previous: Chunks | None) -> Chunks:
        """Parser, cleaner and splitter called by hand; each document is cut where it was cut when asked last.

        Asked once for each content: a document that is as it was when asked last has the cuts of then.
        """
        settings = self.settings(places)
        found: dict[str, tuple[tuple[str, bytes, str], tuple[Chunk, ...]]] = {}
        with contextlib.closing(build_embedder(settings.embedder)) as embedder:
            for (name, content), cleaned in self._clean(places, settings).items():
                key = (name, content, settings.chunking.model_dump_json())
                before = None if previous is None else self._last.get(name)
                if before is not None and before[0] == key:
                    found[name] = before
                    continue
                if before is None and key in self._fresh:
                    found[name] = key, self._fresh[key]
                    continue
                chunks = chunk(
                    cleaned,
                    settings.chunking,
                    count_tokens=embedder.count_tokens,
                    max_tokens=embedder.limits.tokens_per_text,
                    previous=() if before is None else before[1],
                )
                found[name] = key, chunks
                if before is None:
                    self._fresh[key] = chunks
        if previous is None:
            self._last = found
        return {name: [item.text for item in chunks] for name, (_, chunks) in found.items()}

    def _clean(self, places: Places, settings: Settings) -> dict[tuple[str, bytes], CleanedDocument]:
        """Every document's text, by name and hash of its bytes."""
        contents = {name: (places.source / name).read_bytes() for name in documents(places.source)}
        keys = {name: (name, hashlib.sha256(content).digest()) for name, content in contents.items()}
        unknown = [name for name in contents if keys[name] not in self._cleaned]
        if unknown:
            with ParserPool(settings.parsing) as pool:
                parsed = {name: pool.submit(contents[name], name) for name in unknown}
                for name, future in parsed.items():
                    self._cleaned[keys[name]] = clean(future.result(), settings.cleaning)
        return {key: self._cleaned[key] for key in keys.values()}

    def read(self, client: Any, places: Places) -> Reading:  # noqa: ARG002
        """What the newest head shows; stamps of all objects, closed ones and those of another copy too."""
        head = read_newest_head(client, self.collection)
        if head is None:
            return Reading((), self._stamps(client, without=()))
        stamps = self._stamps(client, without=(head.projection.versions, head.projection.chunks))
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

    def texts_of(self, client: Any, places: Places, document: str) -> set[str]:  # noqa: ARG002
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

    def _stamps(self, client: Any, *, without: Sequence[str]) -> dict[str, str]:
        return {
            str(item.uuid): str(item.metadata.last_update_time)
            for name in client.collections.list_all()
            if name.startswith(f"{self.collection}_") and name not in without
            for item in every_object(client, name)
        }

    def settings(self, places: Places) -> Settings:
        """What its processes read from their environment."""
        given = {name: value for name, value in self.environment(places).items() if name.startswith("WELLREAD_")}
        before = {name: value for name, value in os.environ.items() if name.startswith("WELLREAD_")}
        os.environ |= given
        try:
            return load_settings(None)
        finally:
            for name in given:
                del os.environ[name]
            os.environ |= before
