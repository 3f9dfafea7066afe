"""The settings of retrieval. Every default was chosen on development halves of public question sets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RetrievalSettings(BaseModel):
    """How a question becomes passages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha_ratio: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of the vector leg in hybrid fusion. 0.6 suits the English embedder with proximity after "
        "it; a multilingual one wants 0.75, because a few words shared between languages make a strong keyword "
        "vote.",
    )
    depth_count: int = Field(
        default=100, ge=1, le=1000, description="How many candidates the store returns for each search."
    )
    rescored_count: int = Field(
        default=50, ge=0, le=1000, description="How many of the best candidates the second stage scores again."
    )
    proximity_weight: float = Field(
        default=0.6,
        ge=0,
        le=5,
        description="Weight of proximity beside the fused score (0 to 1). 0: no second stage.",
    )
    proximity_window_tokens: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="Length of the window in which the question's words should stand together.",
    )
    resolve_documents: bool = Field(
        default=True, description="Look for the document that a question names, and prefer it."
    )
    resolution_margin_ratio: float = Field(
        default=1.2,
        ge=1,
        le=10,
        description="The named documents must score this many times the next one, in a search over titles, "
        "openings and names.",
    )
    resolution_documents_count: int = Field(
        default=2,
        ge=1,
        le=5,
        description="So many documents may share the first place: two versions of a contract name "
        "the same parties.",
    )
    resolution_words_count: int = Field(
        default=4,
        ge=1,
        le=20,
        description="At least so many rare words in the part of the question that names the document: a paper on "
        "the question's subject is not yet a paper that the question names.",
    )
    resolution_rarity_ratio: float = Field(
        default=0.15,
        ge=0,
        lt=1,
        description="Words at least this rare (0: in every chunk, 1: in none) can name a document.",
    )
    resolution_chunks_count: int = Field(
        default=5,
        ge=1,
        description="Documents with fewer chunks are not resolved: all they say stands in their opening, so every "
        "question about them seems to name them, and there is nothing to search inside.",
    )
    resolution_boost: float = Field(
        default=0.2, ge=0, le=5, description="Added to the score of chunks of the document that the question names."
    )
    resolution_alpha_ratio: float = Field(
        default=0.7, ge=0, le=1, description="Share of the vector leg in the search inside a named document."
    )
    resolution_vector_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Inside a named document the query's vector is a mean of the whole question's and of the "
        "question's without the name: this is the share of the latter.",
    )
    rerank_count: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="How many of the best candidates a reranker reads; never fewer than are asked for.",
    )
    rerank_after_proximity: bool = Field(
        default=True,
        description="Whether proximity takes part in choosing what the reranker reads. Its scores alone make the "
        "final order either way.",
    )
    rerank_text_chars: int = Field(
        default=8000, ge=100, description="Title and text of a passage are cut here for the reranker."
    )
    rerank_failure: Literal["fail", "skip"] = Field(
        default="fail",
        description="What a reranker that fails does to a question: fail it, or keep the order before and say so "
        "in the result's notes.",
    )
    least_score: float | None = Field(
        default=None,
        description="Passages whose final score is lower are left out. With a reranker it is the reranker's score; "
        "else in mode hybrid the fused score (0 to 1, relative to the other candidates of the same question) with "
        "weighted proximity and boost, in mode vector the cosine, in mode keyword BM25. Only cosines and the "
        "scores of most rerankers compare between questions.",
    )
    least_cosine_ratio: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Passages less similar to the question by their vectors are left out. Without meaning in mode "
        "keyword, which compares no vectors.",
    )
    neighbour_window_count: int = Field(
        default=1, ge=0, le=5, description="Chunks added on either side of a hit, where the budget allows it."
    )
    neighbour_budget_words: int = Field(
        default=1000,
        ge=0,
        description="Neighbours are added from this context budget on, and only where the hits lie in one "
        "document: at the same budget they help with clauses (+0.03) and cost with papers (-0.02).",
    )
    statistics_sample_count: int = Field(
        default=2000,
        ge=100,
        le=10_000,
        description="Chunks sampled to learn how rare words are, where nobody counted them.",
    )
    statistics_seconds: float = Field(default=600.0, ge=0, description="How long sampled word counts are believed.")
    head_cache_seconds: float = Field(
        default=2.0, ge=0, le=2.0, description="How long a head row is believed. Never longer than 2 seconds."
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="Searches at once when many questions are retrieved."
    )
