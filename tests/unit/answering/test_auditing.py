"""Old answers are held against what their documents say now, and against nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from wellread.answering.checking.answer_reading import read_cited_answers
from wellread.answering.checking.auditing import AuditReport, CitedAnswer, audit_answers, cited_answer
from wellread.answering.files.answer_files import write_answers
from wellread.documents import Passage, Placement
from wellread.errors import QuestionsFileError
from wellread.questions import AnswerRow, Citation, Claim, Usage

DOC = uuid.UUID(int=1)
TEXTS = ["Members may borrow twelve books.", "Fee | Cost\nA late book costs 20 cents. It is", "cheap. That is all."]


@dataclass(frozen=True)
class Chunk:
    text: str
    repeated_chars: int = 0


@dataclass(frozen=True)
class Version:
    version_hash: str
    placements: tuple[Placement, ...]


@dataclass
class Shelf:
    """Documents as they are now, with the reads counted."""

    documents: dict[uuid.UUID, tuple[str, list[Chunk]]] = field(default_factory=dict)
    fetched: list[uuid.UUID] = field(default_factory=list)

    def versions(self, doc_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Version]:
        return {doc_id: self._version(doc_id) for doc_id in doc_ids if doc_id in self.documents}

    def _version(self, doc_id: uuid.UUID) -> Version:
        version_hash, chunks = self.documents[doc_id]
        starts = [100 * number for number in range(len(chunks))]
        return Version(
            version_hash,
            tuple(
                Placement(key_of(chunk.text), start, start + len(chunk.text) - chunk.repeated_chars, number + 1)
                for number, (chunk, start) in enumerate(zip(chunks, starts, strict=True))
            ),
        )

    def chunks(self, chunk_keys: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Chunk]:
        self.fetched += chunk_keys
        every = {key_of(chunk.text): chunk for _, chunks in self.documents.values() for chunk in chunks}
        return {key: every[key] for key in chunk_keys if key in every}


def key_of(text: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, text)


def shelf(version_hash: str = "v1", texts: Sequence[str] = TEXTS) -> Shelf:
    chunks = [Chunk(text, len("Fee | Cost\n") if text.startswith("Fee") else 0) for text in texts]
    return Shelf({DOC: (version_hash, chunks)})


def cite(quote: str, text: str = TEXTS[0]) -> Citation:
    return Citation("rules.md", str(DOC), "v1", str(key_of(text)), quote, 1, 0, len(quote), "exact")


def audit(where: Shelf, *citations: Citation, names: Mapping[str, uuid.UUID] | None = None) -> AuditReport:
    known = names or {}
    return audit_answers(
        [CitedAnswer("q1", citations)],
        chunks=where.chunks,
        versions=where.versions,
        find_documents=lambda wanted: {name: known[name] for name in wanted if name in known},
    )


def test_a_quote_of_an_unchanged_document_is_still_true_and_reads_its_chunk_alone() -> None:
    library = shelf()
    (audited,) = audit(library, cite("may borrow twelve")).citations
    assert (audited.verdict, audited.is_found, audited.match) == ("still_true", True, "exact")
    assert (audited.page, audited.start_char, audited.end_char) == (1, 8, 25)
    assert library.fetched == [key_of(TEXTS[0])]


@pytest.mark.parametrize(
    ("texts", "is_found", "match", "start"),
    [
        (["Welcome.", *TEXTS], True, "exact", 100),
        (["Welcome.", "MEMBERS  MAY borrow twelve books."], True, "normalised", 100),
        (["Members may borrow", "twelve books. Enjoy."], True, "normalised", None),
        (["Members may borrow ten books."], False, "failed", None),
        ([], False, "failed", None),
    ],
)
def test_in_a_changed_document_the_quote_is_looked_for_everywhere(
    texts: list[str], *, is_found: bool, match: str, start: int | None
) -> None:
    (audited,) = audit(shelf("v2", texts), cite("Members may borrow twelve books.")).citations
    assert audited.verdict == "source_changed"
    assert (audited.is_found, audited.match, audited.start_char) == (is_found, match, start)
    assert audited.version_hash == "v2"


def test_a_repeated_header_is_no_place_in_the_document() -> None:
    inside, header = audit(shelf(), cite("late book costs 20", TEXTS[1]), cite("Fee | Cost", TEXTS[1])).citations
    assert (inside.verdict, inside.start_char) == ("still_true", 102)
    assert (header.verdict, header.start_char) == ("still_true", None)


def test_a_quote_that_never_stood_there_is_missing() -> None:
    report = audit(shelf(), cite("Members may borrow thirty books."))
    assert [audited.verdict for audited in report.citations] == ["quote_missing"]
    assert report.doubtful_answers == ("q1",)


def test_a_document_that_nobody_may_see_is_gone() -> None:
    (audited,) = audit(Shelf(), cite("Members")).citations
    assert (audited.verdict, audited.is_found) == ("source_gone", None)


def test_what_says_too_little_is_unverifiable() -> None:
    nameless = replace(cite("Members"), doc_id="", document="")
    report = audit(shelf(), nameless, cite(" "), replace(cite("Members"), doc_id="no id"))
    assert [audited.verdict for audited in report.citations] == ["unverifiable"] * 3


def test_a_document_that_is_only_named_is_found_by_its_name() -> None:
    named = replace(cite("Members may borrow"), doc_id="", version_hash="", chunk_key="")
    assert audit(shelf("v2"), named, names={"rules.md": DOC}).counts["still_true"] == 1
    lost = replace(named, quote="Members may sleep")
    assert audit(shelf("v2"), lost, names={"rules.md": DOC}).counts["quote_missing"] == 1
    assert audit(shelf("v2"), named).counts["unverifiable"] == 1


def test_each_chunk_is_fetched_once_however_many_quotes_are_looked_for() -> None:
    library = shelf("v2")
    audit(library, *[cite(f"nothing like this {number}") for number in range(5)])
    assert sorted(library.fetched) == sorted(map(key_of, TEXTS))


def test_the_report_counts_every_verdict_and_is_json() -> None:
    report = audit(shelf(), cite("Members"), cite("Nobody"))
    data = json.loads(json.dumps(report.as_dict()))
    assert data["counts"] == {
        "still_true": 1,
        "source_changed": 0,
        "source_gone": 0,
        "quote_missing": 1,
        "unverifiable": 0,
    }
    assert (data["answers"], data["quotes"], data["doubtful_answers"]) == (1, 2, ["q1"])


@pytest.fixture
def rows(passage: Callable[..., Passage]) -> list[AnswerRow]:
    quotes = (cite("=Members may borrow twelve"), cite("A late book costs\n20 cents.", TEXTS[1]))
    answered = AnswerRow(
        id="q1",
        question="How many?",
        status="answered",
        abstain_reason=None,
        answer="Twelve.",
        claims=(Claim("Twelve.", quotes),),
        passages=(passage("Members"),),
        model="extractive",
        usage=Usage(),
        cost_usd=0.0,
        snapshot="1",
        request_key="k",
        columns={"quotes": "theirs", "claims": "theirs too"},
    )
    return [answered, replace(answered, id="q2", status="abstained", answer=None, claims=())]


def test_json_lines_give_back_every_citation(rows: list[AnswerRow], tmp_path: Path) -> None:
    write_answers(rows, tmp_path / "answers.jsonl")
    assert read_cited_answers(tmp_path / "answers.jsonl") == [cited_answer(row) for row in rows]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx"])
def test_tables_give_back_quotes_documents_and_spans(suffix: str, rows: list[AnswerRow], tmp_path: Path) -> None:
    path = tmp_path / f"answers.{suffix}"
    write_answers(rows, path)
    answered, abstained = read_cited_answers(path)
    first, second = answered.citations
    assert (answered.id, abstained) == ("q1", CitedAnswer("q2", ()))
    assert (first.quote, first.document, first.page, first.start_char, first.match) == (
        "=Members may borrow twelve",
        "rules.md",
        1,
        0,
        "exact",
    )
    assert second.quote == "A late book costs 20 cents."


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", "{oops", "line 1"),
        ("a.jsonl", "[1]", "line 1"),
        ("a.jsonl", '{"id": "1", "claims": [{"citations": [{"quote": 7}]}]}', "line 1"),
        ("a.jsonl", '{"id": "1", "question": "Why?"}', "no row has claims"),
        ("a.csv", "id,question\n1,Why?\n", "no row has claims"),
        ("a.csv", 'id,quotes\n1,"never closed\n', "unexpected end"),
        ("a.pdf", "", "pdf"),
        ("missing.csv", None, "No such file"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(name: str, content: str | None, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(QuestionsFileError, match=says):
        read_cited_answers(tmp_path / name)
