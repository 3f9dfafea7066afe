"""What a run costs: counts of parses, embeddings, writes and heads, by the meter and by the raw store."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.errors import TransientError
from wellread.indexing.running import Runner
from wellread.ledger import quarantine_rows

pytestmark = pytest.mark.weaviate


def work_of(sheet: Any) -> tuple[int, int, int]:
    return sheet.parsed, sheet.embeddings_computed, sheet.index_writes


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def test_a_second_run_with_nothing_changed_does_nothing_at_all(library: Any) -> None:
    first = library.ingest()
    assert first.published
    assert states(first) == {"committed": 6}
    before = library.assert_exact()
    library.embedding.reset()
    second = library.ingest()
    assert (second.published, second.revision) == (False, None)
    assert states(second) == {"unchanged": 6}
    assert work_of(second) == (0, 0, 0)
    assert library.embedding.meter().requests_count == 0
    after = library.assert_exact()
    assert after.head == before.head
    frozen = [sorted(item.frozen() for item in (*index.chunks, *index.versions)) for index in (before, after)]
    assert frozen[0] == frozen[1]


def test_one_edited_sentence_is_one_parse_and_at_most_three_embeddings(library: Any) -> None:
    library.ingest()
    library.embedding.reset()
    library.files.edit("cedar.txt", "and counts the ropes", "and quickly counts the ropes")
    sheet = library.ingest()
    assert states(sheet) == {"committed": 1, "unchanged": 5}
    assert sheet.parsed == 1
    assert 1 <= sheet.embeddings_computed <= 3
    canary = 1
    assert library.embedding.meter().texts_count <= sheet.embeddings_computed + canary
    library.assert_exact()


def ingest_with_a_history(library: Any, name: str) -> None:
    """The document's cuts follow from versions that another name never had."""
    topic = name.removesuffix(".txt")
    sentences = [
        f"The {topic} council of the year {1800 + number} counted {number * 13} lamps along the quay."
        for number in range(60)
    ]
    for more in ("", "A preface was lost and found again by the harbour master. ", "Nobody knows by whom. "):
        sentences[0] = more + sentences[0]
        library.files.write(name, " ".join(sentences))
        library.ingest()
    library.embedding.reset()


def test_a_renamed_file_is_a_move_without_parsing_or_embedding(library: Any) -> None:
    ingest_with_a_history(library, "cedar.txt")
    library.files.rename("cedar.txt", "larch.txt")
    sheet = library.ingest()
    assert states(sheet) == {"moved": 1, "unchanged": 5}
    assert (sheet.parsed, sheet.embeddings_computed) == (0, 0)
    assert library.embedding.meter().requests_count == 0
    library.assert_exact()
    found = library.search("cedar council quay ropes")
    assert "larch.txt" in found
    assert "cedar.txt" not in found


def test_a_removed_file_is_in_no_answer_after_the_run(library: Any) -> None:
    library.ingest()
    assert "elm.txt" in library.search("elm council quay ropes")
    library.files.remove("elm.txt")
    sheet = library.ingest()
    assert states(sheet) == {"deleted": 1, "unchanged": 5}
    assert "elm.txt" not in library.search("elm council quay ropes")
    library.assert_exact()


def test_a_copy_of_an_edited_file_embeds_nothing(library: Any) -> None:
    ingest_with_a_history(library, "fir.txt")
    library.files.write("copy of fir.txt", library.files.read("fir.txt"))
    sheet = library.ingest()
    assert states(sheet) == {"committed": 1, "unchanged": 6}
    assert (sheet.parsed, sheet.embeddings_computed) == (0, 0)
    assert library.embedding.meter().requests_count == 0
    library.assert_exact()


def test_changed_fields_embed_nothing_and_reach_every_object(library: Any) -> None:
    library.ingest(fields={"year": 2020})
    library.files.edit("elm.txt", "and counts the ropes", "and slowly counts the ropes")
    library.ingest(fields={"year": 2020})
    library.embedding.reset()
    sheet = library.ingest(fields={"year": 2021})
    assert states(sheet) == {"committed": 6}
    assert (sheet.parsed, sheet.embeddings_computed) == (0, 0)
    assert library.embedding.meter().requests_count == 0
    index = library.assert_exact()
    shown = [item for items in index.visible_chunks().values() for item in items]
    assert {tuple(item.properties["fields"]) for item in shown} == {("year=2021",)}


def test_changed_access_embeds_nothing_and_is_on_every_object_old_ones_too(library: Any) -> None:
    library.ingest(acl=("staff",))
    library.files.edit("elm.txt", "and counts the ropes", "and slowly counts the ropes")
    library.ingest(acl=("staff",))
    library.embedding.reset()
    sheet = library.ingest(acl=("board",))
    assert states(sheet) == {"committed": 6}
    assert (sheet.parsed, sheet.embeddings_computed, sheet.chunks_inserted) == (0, 0, 0)
    assert library.embedding.meter().requests_count == 0
    index = library.assert_exact()
    both = [*index.chunks, *index.versions]
    assert any(not index.shows(item) for item in both)
    assert {tuple(item.properties["acl"]) for item in both} == {("board",)}
    assert states(library.ingest(acl=("board",))) == {"unchanged": 6}


def test_a_touched_file_is_unchanged_and_its_new_token_is_remembered(library: Any) -> None:
    library.ingest()
    library.files.touch("birch.txt")
    sheet = library.ingest()
    assert states(sheet) == {"unchanged": 6}
    assert work_of(sheet) == (0, 0, 0)
    (library.files.path / "birch.txt").chmod(0)
    try:
        again = library.ingest()  # as root a file without rights can be read: the next assertion holds either way
    finally:
        (library.files.path / "birch.txt").chmod(0o644)
    assert states(again) == {"unchanged": 6}
    with library.open() as workspace:
        assert not workspace.runner.dry_run(library.declaration()).documents


def test_a_changed_chunk_size_cuts_anew_without_parsing(library: Any) -> None:
    library.ingest()
    library.options = {"chunking": {"max_words": 60}}
    sheet = library.ingest()
    assert states(sheet) == {"committed": 6}
    assert sheet.parsed == 0
    assert sheet.chunks_inserted > 0
    library.assert_exact()
    assert work_of(library.ingest()) == (0, 0, 0)


def test_a_quarantined_file_stands_until_it_changes(library: Any) -> None:
    library.files.write("broken.pdf", b"%PDF-1.4\nthis is no document at all\n")
    library.files.write("tool.exe", b"MZ\x90\x00" + bytes(range(256)) * 8)
    first = library.ingest()
    assert states(first) == {"committed": 6, "quarantined": 1, "unsupported": 1}
    assert first.parsed >= 6
    troubles = {problem["document"]: problem for problem in first.problems}
    assert troubles["broken.pdf"]["cause"]
    standing = library.ingest()
    assert states(standing) == {"unchanged": 6, "quarantined": 1, "unsupported": 1}
    assert work_of(standing) == (0, 0, 0)
    assert all(problem["standing"] for problem in standing.problems)
    library.assert_exact(without=frozenset({"broken.pdf", "tool.exe"}))
    library.files.write("broken.pdf", library.prose("grove"))
    library.files.remove("tool.exe")
    mended = library.ingest()
    assert states(mended) == {"unchanged": 6, "committed": 1, "gone": 1}
    library.assert_exact()


def test_a_file_that_breaks_keeps_its_last_good_version(library: Any) -> None:
    library.ingest()
    good = library.files.read("amber.txt")
    library.files.write("amber.txt", b"%PDF-1.4\nnothing\n")
    sheet = library.ingest()
    assert states(sheet) == {"quarantined": 1, "unchanged": 5}
    assert "amber.txt" in library.search("amber council quay ropes")
    assert states(library.ingest()) == {"quarantined": 1, "unchanged": 5}
    library.files.write("amber.txt", good)
    assert states(library.ingest()) == {"unchanged": 6}
    with library.open() as workspace, workspace.ledger.reading() as reading:
        assert not quarantine_rows.list_quarantine(reading, library.collection)
    library.assert_exact()
    assert states(library.ingest()) == {"unchanged": 6}


def test_two_sources_share_a_collection_and_leave_each_other_alone(library: Any) -> None:
    other = library.root / "letters"
    other.mkdir()
    (other / "amber.txt").write_text(library.prose("amber", 2), "utf-8")
    library.ingest()
    library.ingest(other)
    library.assert_exact(library.files.path, other)
    library.files.remove("amber.txt")
    library.ingest()
    library.assert_exact(library.files.path, other)
    assert "amber.txt" in library.search("amber council quay ropes")


def test_the_first_load_comes_in_waves_whose_sum_is_right(library: Any) -> None:
    library.options = {"indexing": {"first_wave_documents": 3, "wave_documents": 2}}
    with library.open() as workspace:
        run = workspace.runner.plan(library.declaration(), run_id="first", one_process=True)
        assert (run.pending, run.batch_count) == (3, 1)
        workspace.runner.abandon(run, reason="only looked")
    sheet = library.ingest()
    assert states(sheet) == {"committed": 6}
    assert (sheet.listed, sheet.parsed, sheet.revision) == (6, 6, 4)
    library.assert_exact()
    library.files.remove("fir.txt")
    for topic in ("amber", "birch", "cedar"):
        library.files.edit(f"{topic}.txt", "and counts the ropes", "and slowly counts the ropes")
    waves = library.ingest()
    assert states(waves) == {"committed": 3, "deleted": 1, "unchanged": 2}
    library.assert_exact()


def test_deletions_wait_for_the_last_wave(library: Any) -> None:
    library.ingest()
    library.files.remove("fir.txt")
    for topic in ("amber", "birch", "cedar"):
        library.files.edit(f"{topic}.txt", "and counts the ropes", "and slowly counts the ropes")
    library.options = {"indexing": {"wave_documents": 2}}
    with library.open() as workspace:
        plan = workspace.runner.dry_run(library.declaration())
    assert {item.action for item in plan.documents} == {"ingest"}
    assert plan.outcomes["pending"] == 2


def test_transient_failures_beside_a_standing_quarantine_do_not_turn_for_ever(library: Any) -> None:
    library.files.write("a-broken.pdf", b"%PDF-1.4\nnothing\n")
    library.ingest()
    library.options = {"indexing": {"wave_documents": 1}}

    class Flaky:
        def __init__(self, source: Any) -> None:
            self._source = source

        def __getattr__(self, name: str) -> Any:
            return getattr(self._source, name)

        def fetch(self, natural_key: str, *, version_token: str | None = None) -> bytes:
            raise TransientError(f"read {natural_key}", found="the disk is busy", remedy="Try again.")

    for topic in ("amber", "birch"):
        library.files.edit(f"{topic}.txt", "and counts the ropes", "and slowly counts the ropes")
    with library.open() as workspace:
        runner = Runner(workspace.parts, lambda declaration: Flaky(workspace.open_source(declaration)))
        sheet = runner.run(library.declaration())
    assert states(sheet) == {"failed_transient": 1, "pending": 1, "quarantined": 1, "unchanged": 4}
    assert states(library.ingest()) == {"committed": 2, "quarantined": 1, "unchanged": 4}
    library.assert_exact(without=frozenset({"a-broken.pdf"}))
