import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wellread.chunking import ChunkingSettings, chunk
from wellread.chunking.atoms import Atom
from wellread.chunking.partition import FENCE_WORDS, fences, partition
from wellread.cleaning import CleaningSettings, clean
from wellread.documents import Chunk, CleanedDocument, Element, ParsedDocument
from wellread.sentences import split_sentences

SAMPLE = "the fee is due on Monday and Dr. Smith (see 3.1) shall pay it; else: interest, costs. 漢字。 ok! Why? a|b"
WORDS = SAMPLE.split()
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=300).map(" ".join))
KINDS = st.sampled_from(["title", "heading", "paragraph", "list_item", "table", "code", "caption"])
ELEMENTS = st.builds(
    Element, kind=KINDS, text=TEXTS, page=st.integers(1, 9), level=st.integers(1, 3), header_rows=st.integers(0, 2)
)


def count_tokens(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // 4


def cut(cleaned: CleanedDocument, previous: tuple[Chunk, ...] = ()) -> tuple[Chunk, ...]:
    settings = ChunkingSettings(embed_headings=True)
    return chunk(cleaned, settings, count_tokens=count_tokens, max_tokens=90, previous=previous)


def cleaned_of(elements: list[Element]) -> CleanedDocument:
    return clean(ParsedDocument("text/plain", tuple(elements), title="A title"), CleaningSettings())


@given(st.lists(ELEMENTS, max_size=8))
def test_spans_rebuild_the_text(elements: list[Element]) -> None:
    cleaned = cleaned_of(elements)
    position = 0
    for part in cut(cleaned):
        assert part.start_char >= position
        assert not cleaned.text[position : part.start_char].strip()
        assert part.text[part.repeated_chars :] == cleaned.text[part.start_char : part.end_char]
        assert part.text.strip()
        assert count_tokens(part.embedding_input) <= 90
        assert len(part.text.split()) <= 120
        assert part.embedding_input.endswith(part.text)
        position = part.end_char
    assert not cleaned.text[position:].strip()


@given(st.lists(ELEMENTS, max_size=8))
def test_a_version_cut_again_beside_itself_is_the_same(elements: list[Element]) -> None:
    cleaned = cleaned_of(elements)
    chunks = cut(cleaned)
    assert cut(cleaned, previous=chunks) == chunks


@given(TEXTS)
def test_sentences_cover_the_text(text: str) -> None:
    position = 0
    for start, end in split_sentences(text):
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip() != ""
        position = end
    assert not text[position:].strip()


def _atoms(seed: int, count: int) -> list[Atom]:
    draw = random.Random(seed)
    atoms, position = [], 0
    for _ in range(count):
        words = draw.randint(3, 40)
        rank = 1 if draw.random() < 0.2 else 0
        atoms.append(Atom(position, position + words * 6, words, draw.getrandbits(32), rank=rank))
        position += words * 6 + 1
    return atoms


@given(st.integers(0, 2**32), st.integers(0, 299), st.booleans())
def test_cuts_beyond_the_fences_around_an_edit_never_move(seed: int, place: int, remove: bool) -> None:
    """Locality, for certain: an edit moves no cut that lies beyond the first fences out of the edit's reach."""
    before = _atoms(seed, 300)
    edited = _atoms(seed + 1, 1) if not remove else []
    after = [*before[:place], *edited, *before[place + 1 :]]
    cuts_before = {id(before[end]) for end in partition(before, max_words=120) if end < len(before)}
    cuts_after = {id(after[end]) for end in partition(after, max_words=120) if end < len(after)}
    moved = {id(atom) for atom in before if (id(atom) in cuts_before) != (id(atom) in cuts_after)}
    affected = [index for index, atom in enumerate(before) if id(atom) in moved]
    reach = _stretch_around(before, after, place)
    assert all(reach[0] <= index <= reach[1] for index in affected)


def _stretch_around(before: list[Atom], after: list[Atom], place: int) -> tuple[int, int]:
    """Indices in ``before`` of the nearest fences outside the reach of an edit at ``place``."""
    shift = len(after) - len(before)
    same = {index for index in fences(before) if index < place and index in set(fences(after))}
    later = {index for index in fences(before) if index > place and index + shift in set(fences(after))}
    words = 0
    low = place
    while low > 0 and words <= FENCE_WORDS + 40:
        low -= 1
        words += before[low].words
    for index in fences(before):
        assert index >= low or index in same, "a fence out of reach of the edit has moved"
    return max(same, default=0), min(later, default=len(before))


@given(st.integers(0, 2**32), st.integers(0, 399), st.sampled_from(["edit", "insert", "remove"]))
def test_an_edit_beside_its_version_before_changes_at_most_three_chunks(seed: int, place: int, kind: str) -> None:
    draw = random.Random(seed)
    sentences = [
        " ".join(["Word", *(f"w{draw.randrange(5000)}" for _ in range(draw.randint(4, 40)))]) + "."
        for _ in range(400)
    ]
    breaks = {index for index in range(400) if draw.random() < 0.2}

    def build(texts: list[str]) -> CleanedDocument:
        paragraphs: list[list[str]] = [[]]
        for index, text in enumerate(texts):
            if index in breaks:
                paragraphs.append([])
            if text:
                paragraphs[-1].append(text)
        return cleaned_of([Element("paragraph", " ".join(parts)) for parts in paragraphs])

    def whole(cleaned: CleanedDocument, previous: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
        return chunk(
            cleaned,
            ChunkingSettings(),
            count_tokens=lambda text: len(text.split()),
            max_tokens=256,
            previous=previous,
        )

    old = whole(build(sentences), ())
    edited = list(sentences)
    edited[place] = {
        "edit": "Changed " + sentences[place],
        "insert": f"This one is new here. {sentences[place]}",
        "remove": "",
    }[kind]
    new = whole(build(edited), old)
    fresh = Counter(part.text for part in new) - Counter(part.text for part in old)
    closed = Counter(part.text for part in old) - Counter(part.text for part in new)
    assert sum(fresh.values()) <= 3
    assert sum(closed.values()) <= 3
