"""The tables of the ledger. A change here needs a migration in ``ledger/migrations/versions``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from wellread.ledger.columns import Key, Moment

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

collections = Table(
    "collections",
    metadata,
    Column("name", Key, primary_key=True),
    Column("projection_number", Integer, nullable=False),
    Column("next_revision", BigInteger, nullable=False),
    Column("head_seq", BigInteger, nullable=False),
    Column("acknowledged_seq", BigInteger, nullable=False),
    Column("oldest_readable", BigInteger, nullable=False),
    Column("chunk_count", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    comment="One row a logical collection: the counter row, locked while opening, abandoning or publishing.",
)

projections = Table(
    "projections",
    metadata,
    Column("collection", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("model", JSON, nullable=False),
    Column("store_epoch", Text, nullable=False),
    Column("state", Text, nullable=False, comment="live, building or retired"),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("collection", "number"),
    comment="Physical copies of a collection: what stands in the store is a projection of this ledger.",
)

heads = Table(
    "heads",
    metadata,
    Column("collection", Key, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
    Column("written_at", Moment, comment="Null until the store has it: the outbox."),
    PrimaryKeyConstraint("collection", "seq"),
)

sources = Table(
    "sources",
    metadata,
    Column("collection", Key, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("tenant", Key, nullable=False),
    Column("kind", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("held_reason", Text),
    Column("created_at", Moment, nullable=False),
    Column("retired_at", Moment, comment="Null unless its declaration is gone and its documents were closed."),
    PrimaryKeyConstraint("collection", "source_id"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Key, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("process", JSON, comment="host, pid and start of the holder, where it lives in one process"),
    Column("token", BigInteger, nullable=False, comment="Grows with every change of hands: the fence."),
    Column("expires_at", Moment, nullable=False),
    Column("taken_at", Moment, comment="When it changed hands last."),
    Column("host", Text, comment="Where the holder gave its last sign of life."),
    Column("pid", BigInteger, comment="The process there."),
)

revisions = Table(
    "revisions",
    metadata,
    Column("collection", Key, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("run_id", Key, nullable=False),
    Column("state", Text, nullable=False, comment="open, published, abandoned or settled"),
    Column("lease_token", BigInteger, nullable=False),
    Column("plan_ref", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("clean_audit_at", Moment, comment="First audit that found nothing left of an abandoned revision."),
    PrimaryKeyConstraint("collection", "number"),
    Index(
        "uq_revisions_one_open",
        "collection",
        "source_id",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

audits = Table(
    "audits",
    metadata,
    Column("collection", Key, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("projection", Integer, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("repaired", BigInteger, nullable=False),
    Column("audited_at", Moment, nullable=False),
    PrimaryKeyConstraint("collection", "revision", "projection"),
    comment="A revision is published only when it was applied and audited in every projection that counts.",
)

documents = Table(
    "documents",
    metadata,
    Column("collection", Key, nullable=False),
    Column("doc_id", Uuid, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("natural_key", Key, nullable=False),
    Column("state", Text, nullable=False, comment="live, hidden, deleted or moved"),
    Column("version_token", Text),
    Column("content_sha", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_at", Moment, nullable=False),
    Column("facts_sha", Text, nullable=False, comment="Hash of metadata, access and declared fields."),
    Column("acl", JSON, nullable=False),
    Column("stage_signature", Text, nullable=False),
    Column("chunks_ref", Text, nullable=False),
    Column("version_hash", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("collection", "doc_id"),
    UniqueConstraint("collection", "source_id", "natural_key"),
)

staged = Table(
    "staged_documents",
    metadata,
    Column("collection", Key, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("doc_id", Uuid, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("action", Text, nullable=False, comment="ingest, move, delete, hide or show"),
    Column("state", Text, nullable=False, comment="planned, extracted, loaded or failed"),
    Column("outcome", Text, comment="Set when the state is failed or loaded."),
    Column("stage", Text),
    Column("cause", Text),
    Column("detail", JSON),
    Column("facts", JSON, nullable=False, comment="What becomes the documents row at publication."),
    PrimaryKeyConstraint("collection", "revision", "doc_id"),
    Index("ix_staged_documents_batch", "collection", "revision", "batch"),
)

objects = Table(
    "index_objects",
    metadata,
    Column("collection", Key, nullable=False),
    Column("projection", Integer, nullable=False),
    Column("object_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="chunks or versions"),
    Column("key", Uuid, nullable=False),
    Column("doc_id", Uuid, nullable=False),
    Column("rev_from", BigInteger, nullable=False),
    Column("rev_to", BigInteger, nullable=False),
    Column("copy", Integer, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("embedding_key", Text),
    Column("reference", Text, nullable=False, comment="The artifact that holds the content."),
    Column("ordinal", Integer, nullable=False, comment="Its place in that artifact."),
    Column("facts", JSON, comment="Of versions: what the artifact does not hold."),
    Column("acknowledged_at", Moment, comment="Null: intended, perhaps written."),
    PrimaryKeyConstraint("collection", "projection", "object_id"),
    Index("ix_index_objects_document", "collection", "projection", "doc_id", "rev_to"),
    Index("ix_index_objects_opened", "collection", "projection", "rev_from"),
    Index("ix_index_objects_closed", "collection", "projection", "rev_to"),
    Index("ix_index_objects_newest", "collection", "projection", "acknowledged_at"),
    comment="One reference row for every object that a projection holds or may hold.",
)

extractions = Table(
    "extractions",
    metadata,
    Column("memo_key", Text, primary_key=True, comment="Hash of the input and the stage's signature."),
    Column("stage", Text, nullable=False, comment="parse or chunk"),
    Column("reference", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    comment="What a stage made of an input: the same work is never done twice.",
)

vectors = Table(
    "vectors",
    metadata,
    Column("embedding_key", Text, primary_key=True),
    Column("model_hash", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float32, little endian"),
    Column("created_at", Moment, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("embedding_key", Key, primary_key=True),
    Column("holder", Key, nullable=False, index=True),
    Column("process", JSON, nullable=False, comment="host, pid and start of the worker"),
    Column("expires_at", Moment, nullable=False),
    comment="Who is paying for a vector at this moment.",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("collection", Key, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("state", Text, nullable=False, comment="running, succeeded or failed"),
    Column("revision", BigInteger),
    Column("plan_ref", Text),
    Column("counters", JSON, nullable=False),
    Column("report", JSON),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index("ix_runs_source", "collection", "source_id", "started_at"),
)

usage = Table(
    "usage",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Key, nullable=False, index=True),
    Column("model_hash", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="embed or answer"),
    Column("requests", BigInteger, nullable=False),
    Column("texts", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost_micro_usd", BigInteger, comment="Null: no price was known."),
    Column("at", Moment, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("collection", Key, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("natural_key", Key, nullable=False),
    Column("outcome", Text, nullable=False, comment="quarantined or unsupported"),
    Column("version_token", Text),
    Column("content_sha", Text, nullable=False),
    Column("stage_signature", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("size_bytes", BigInteger),
    Column("payload_ref", Text, comment="The artifact that holds the bytes as they were."),
    Column("payload_note", Text, comment="Why there is none."),
    PrimaryKeyConstraint("collection", "source_id", "natural_key"),
    Index("ix_quarantine_payload_ref", "payload_ref"),
)

loose_payloads = Table(
    "loose_payloads",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("since", Moment, nullable=False),
    comment="Payloads that perhaps no quarantine row refers to: looked at when a run has ended.",
)

holds = Table(
    "holds",
    metadata,
    Column("collection", Key, nullable=False),
    Column("source_id", Key, nullable=False),
    Column("natural_key", Key, nullable=False),
    Column("version_hash", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="deletion", comment="deletion, settings or hiding"),
    Column("reason", Text, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("approved_at", Moment),
    PrimaryKeyConstraint("collection", "source_id", "natural_key"),
)

denied = Table(
    "denied",
    metadata,
    Column("collection", Key, nullable=False),
    Column("kind", Text, nullable=False, comment="document or source"),
    Column("value", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("collection", "kind", "value"),
)

terms = Table(
    "terms",
    metadata,
    Column("collection", Key, nullable=False),
    Column("term", Key, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    PrimaryKeyConstraint("collection", "term"),
    comment="In how many chunks each stem occurs, counted at publication.",
)
