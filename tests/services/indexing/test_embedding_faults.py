"""A provider that slows down, breaks, refuses one text or the key: nothing is lost, nothing is paid twice."""

from __future__ import annotations

from typing import Any

import pytest

from wellread.errors import AuthenticationError, QuotaExhaustedError, TransientError
from wellread.testing.embedding_server import Fault, embedding_server

pytestmark = pytest.mark.weaviate


def states(sheet: Any) -> dict[str, int]:
    return {name: count for name, count in sheet.outcomes.items() if count}


def test_refusals_that_pass_are_waited_out(library: Any) -> None:
    library.embedding.behave(
        Fault(kind="rate_limited", times=2, retry_after_seconds=0.1),
        Fault(kind="server_error", times=2, skip=1),
        Fault(kind="truncated_json", skip=1),
    )
    assert states(library.ingest()) == {"committed": 6}
    library.assert_exact()


def test_a_poisoned_text_puts_its_document_into_quarantine_and_no_other(library: Any) -> None:
    library.ingest()
    library.files.edit("cedar.txt", "and counts the ropes", "and counts the NIGHTSHADE ropes")
    library.files.edit("birch.txt", "and counts the ropes", "and counts the long ropes")
    library.files.write("grape.txt", library.prose("grape").replace("the quay", "the NIGHTSHADE quay", 1))
    library.embedding.behave(poison=("NIGHTSHADE",))
    sheet = library.ingest()
    assert states(sheet) == {"committed": 1, "quarantined": 2, "unchanged": 4}
    assert {(one["document"], one["stage"]) for one in sheet.problems} == {
        ("cedar.txt", "embed"),
        ("grape.txt", "embed"),
    }
    assert "cedar.txt" in library.search("cedar council quay ropes")
    library.embedding.reset()
    assert states(library.ingest()) == {"quarantined": 2, "unchanged": 5}
    assert library.embedding.meter().requests_count == 0
    library.files.edit("cedar.txt", "NIGHTSHADE ", "")
    library.files.edit("grape.txt", "NIGHTSHADE ", "")
    assert states(library.ingest()) == {"committed": 1, "unchanged": 6}  # one is as it was before
    library.assert_exact()


@pytest.mark.parametrize(
    ("kind", "error"), [("unauthorized", AuthenticationError), ("insufficient_quota", QuotaExhaustedError)]
)
def test_a_refused_key_stops_the_run_and_the_next_one_pays_nothing_twice(
    library: Any, kind: Any, error: type[Exception]
) -> None:
    library.embedding.behave(Fault(kind=kind, times=100, skip=3))
    with pytest.raises(error) as caught:
        library.ingest()
    assert "quarantin" not in str(caught.value)
    with library.open() as workspace:
        assert not workspace.runner.dry_run(library.declaration()).problems
    assert library.embedding.meter().texts_count > 0
    library.embedding.behave()
    assert states(library.ingest()) == {"committed": 6}
    index = library.assert_exact()
    canary = 1
    repeated = sum(times - 1 for times in library.embedding.meter().repeated_texts.values())
    assert repeated <= canary
    assert library.embedding.meter().texts_count <= len(index.chunks) + 2 * canary


def test_a_provider_that_is_down_leaves_the_old_version_visible(library: Any) -> None:
    library.ingest()
    before = library.assert_exact()
    for topic in ("amber", "birch", "cedar"):
        library.files.edit(f"{topic}.txt", "and counts the ropes", "and counts the long ropes")
    library.options = {"embedder": {"retry": {"attempts_count": 2}}}
    library.embedding.behave(Fault(kind="server_error", times=1000))
    with pytest.raises(TransientError):
        library.ingest()
    library.embedding.behave()
    after = library.index()
    assert {key: [item.frozen() for item in items] for key, items in after.visible_chunks().items()} == {
        key: [item.frozen() for item in items] for key, items in before.visible_chunks().items()
    }
    assert "amber.txt" in library.search("amber council quay ropes")
    assert states(library.ingest()) == {"committed": 3, "unchanged": 3}
    library.assert_exact()


def test_a_connection_cut_after_billing_costs_that_one_request(library: Any) -> None:
    library.embedding.behave(Fault(kind="cut_after_billing", skip=2))
    assert states(library.ingest()) == {"committed": 6}
    repeated = library.embedding.meter().repeated_texts
    assert 0 < sum(times - 1 for times in repeated.values()) <= 8
    library.assert_exact()


def test_another_model_under_the_same_name_is_noticed_before_it_is_paid(library: Any) -> None:
    from wellread.errors import WellreadError

    library.ingest()
    library.files.write("new.txt", library.prose("new"))
    with embedding_server(dimensions=32) as other:
        library.options = {"embedder": {"openai": {"base_url": other.openai_url}}}
        with pytest.raises(WellreadError):
            library.ingest()
        assert other.meter().texts_count <= 1
    library.options = {}
    assert states(library.ingest()) == {"committed": 1, "unchanged": 6}
    library.assert_exact()
