"""The first schema of the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Float(precision=53)


def upgrade() -> None:
    """Create all tables."""
    _create_audits()
    _create_collections()
    _create_denied()
    _create_documents()
    _create_extractions()
    _create_heads()
    _create_holds()
    _create_index_objects()
    _create_leases()
    _create_projections()
    _create_quarantine()
    _create_question_inputs()
    _create_question_jobs()
    _create_question_rows()
    _create_revisions()
    _create_runs()
    _create_sources()
    _create_staged_documents()
    _create_terms()
    _create_usage()
    _create_vectors()


def _create_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("projection", sa.Integer(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("repaired", sa.BigInteger(), nullable=False),
        sa.Column("audited_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "revision", "projection"),
        comment="A revision is published only when it was applied and audited in every projection that counts.",
    )


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("name", KEY, nullable=False),
        sa.Column("projection_number", sa.Integer(), nullable=False),
        sa.Column("next_revision", sa.BigInteger(), nullable=False),
        sa.Column("head_seq", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_seq", sa.BigInteger(), nullable=False),
        sa.Column("oldest_readable", sa.BigInteger(), nullable=False),
        sa.Column("chunk_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="One row a logical collection: the counter row, locked while opening, abandoning or publishing.",
    )


def _create_denied() -> None:
    op.create_table(
        "denied",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="document or source"),
        sa.Column("value", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "kind", "value"),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("natural_key", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="live or deleted"),
        sa.Column("version_token", sa.Text(), nullable=True),
        sa.Column("content_sha", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", MOMENT, nullable=False),
        sa.Column("facts_sha", sa.Text(), nullable=False, comment="Hash of metadata, access and declared fields."),
        sa.Column("acl", sa.JSON(), nullable=False),
        sa.Column("stage_signature", sa.Text(), nullable=False),
        sa.Column("chunks_ref", sa.Text(), nullable=False),
        sa.Column("version_hash", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "doc_id"),
        sa.UniqueConstraint(
            "collection", "source_id", "natural_key", name=op.f("uq_documents_collection_source_id_natural_key")
        ),
    )


def _create_extractions() -> None:
    op.create_table(
        "extractions",
        sa.Column("memo_key", sa.Text(), nullable=False, comment="Hash of the input and the stage's signature."),
        sa.Column("stage", sa.Text(), nullable=False, comment="parse or chunk"),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("memo_key"),
        comment="What a stage made of an input: the same work is never done twice.",
    )


def _create_heads() -> None:
    op.create_table(
        "heads",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("written_at", MOMENT, nullable=True, comment="Null until the store has it: the outbox."),
        sa.PrimaryKeyConstraint("collection", "seq"),
    )


def _create_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("natural_key", KEY, nullable=False),
        sa.Column("version_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("approved_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("collection", "source_id", "natural_key"),
    )


def _create_index_objects() -> None:
    op.create_table(
        "index_objects",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("projection", sa.Integer(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="chunks or versions"),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("rev_from", sa.BigInteger(), nullable=False),
        sa.Column("rev_to", sa.BigInteger(), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("embedding_key", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False, comment="The artifact that holds the content."),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="Its place in that artifact."),
        sa.Column("facts", sa.JSON(), nullable=True, comment="Of versions: what the artifact does not hold."),
        sa.Column("acknowledged_at", MOMENT, nullable=True, comment="Null: intended, perhaps written."),
        sa.PrimaryKeyConstraint("collection", "projection", "object_id"),
        comment="One reference row for every object that a projection holds or may hold.",
    )
    op.create_index(
        "ix_index_objects_closed", "index_objects", ["collection", "projection", "rev_to"], unique=False
    )
    op.create_index(
        "ix_index_objects_document", "index_objects", ["collection", "projection", "doc_id", "rev_to"], unique=False
    )
    op.create_index(
        "ix_index_objects_newest", "index_objects", ["collection", "projection", "acknowledged_at"], unique=False
    )
    op.create_index(
        "ix_index_objects_opened", "index_objects", ["collection", "projection", "rev_from"], unique=False
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", KEY, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column(
            "process",
            sa.JSON(),
            nullable=True,
            comment="host, pid and start of the holder, where it lives in one process",
        ),
        sa.Column("token", sa.BigInteger(), nullable=False, comment="Grows with every change of hands: the fence."),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_projections() -> None:
    op.create_table(
        "projections",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model", sa.JSON(), nullable=False),
        sa.Column("store_epoch", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="live, building or retired"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "number"),
        comment="Physical copies of a collection: what stands in the store is a projection of this ledger.",
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("natural_key", KEY, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="quarantined or unsupported"),
        sa.Column("version_token", sa.Text(), nullable=True),
        sa.Column("content_sha", sa.Text(), nullable=False),
        sa.Column("stage_signature", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "source_id", "natural_key"),
    )


def _create_question_inputs() -> None:
    op.create_table(
        "question_inputs",
        sa.Column("input_key", KEY, nullable=False, comment="Hash of the questions and of how they are answered."),
        sa.Column("plan_ref", sa.Text(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("planned_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("input_key"),
        comment="Which frozen plan an interrupted job goes on with.",
    )


def _create_question_jobs() -> None:
    op.create_table(
        "question_jobs",
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("plan_ref", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("token", sa.BigInteger(), nullable=False, comment="Grows with each claim: the fence."),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_id"),
    )


def _create_question_rows() -> None:
    op.create_table(
        "question_rows",
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("question_id", KEY, nullable=False),
        sa.Column("request_key", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="planned, reserved, sent, received or final"),
        sa.Column("maybe_billed", sa.Boolean(), nullable=False),
        sa.Column("response_ref", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("row", sa.Text(), nullable=True, comment="The final answer row as JSON."),
        sa.PrimaryKeyConstraint("job_id", "position"),
        sa.UniqueConstraint("job_id", "question_id", name=op.f("uq_question_rows_job_id_question_id")),
    )
    op.create_index("ix_question_rows_request", "question_rows", ["request_key"], unique=False)


def _create_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open, published, abandoned or settled"),
        sa.Column("lease_token", sa.BigInteger(), nullable=False),
        sa.Column("plan_ref", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column(
            "clean_audit_at",
            MOMENT,
            nullable=True,
            comment="First audit that found nothing left of an abandoned revision.",
        ),
        sa.PrimaryKeyConstraint("collection", "number"),
    )
    op.create_index(
        "uq_revisions_one_open",
        "revisions",
        ["collection", "source_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="running, succeeded or failed"),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("plan_ref", sa.Text(), nullable=True),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("ix_runs_source", "runs", ["collection", "source_id", "started_at"], unique=False)


def _create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "source_id"),
    )


def _create_staged_documents() -> None:
    op.create_table(
        "staged_documents",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("doc_id", sa.Uuid(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="ingest, move or delete"),
        sa.Column("state", sa.Text(), nullable=False, comment="planned, extracted, loaded or failed"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="Set when the state is failed or loaded."),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False, comment="What becomes the documents row at publication."),
        sa.PrimaryKeyConstraint("collection", "revision", "doc_id"),
    )
    op.create_index(
        "ix_staged_documents_batch", "staged_documents", ["collection", "revision", "batch"], unique=False
    )


def _create_terms() -> None:
    op.create_table(
        "terms",
        sa.Column("collection", KEY, nullable=False),
        sa.Column("term", KEY, nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "term"),
        comment="In how many chunks each stem occurs, counted at publication.",
    )


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("model_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="embed or answer"),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("texts", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_usage_run_id"), "usage", ["run_id"], unique=False)


def _create_vectors() -> None:
    op.create_table(
        "vectors",
        sa.Column("embedding_key", sa.Text(), nullable=False),
        sa.Column("model_hash", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False, comment="float32, little endian"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("embedding_key"),
    )
