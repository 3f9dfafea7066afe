"""Counts are exact with a vocabulary and a bound without one, which gets closer and never below what was seen."""

from __future__ import annotations

import hashlib
import inspect
import threading
from pathlib import Path

import pytest
from tiktoken_ext import openai_public

from wellread.models.chat import token_counts
from wellread.models.chat.protocol import ChatDocument, ChatMessage, ChatRequest, ChatSchema, ChatUsage
from wellread.models.chat.token_counts import TokenCounter

ENGLISH = "The mill stands by the river, and the river bends. " * 20
CHINESE = "磨坊在河边。" * 100


def asked(text: str) -> ChatRequest:
    return ChatRequest((ChatMessage("user", text),))


def teach(counter: TokenCounter, text: str, *, tokens_per_byte: float, times: int = 8) -> None:
    for _ in range(times):
        counter.learn(asked(text), ChatUsage(input_tokens=int(tokens_per_byte * len(text.encode()))))


def test_without_a_vocabulary_a_text_counts_as_its_bytes() -> None:
    counter = TokenCounter(model="some-model")
    assert not counter.is_exact
    assert counter.count_tokens(ENGLISH) == len(ENGLISH)
    assert counter.count_tokens(CHINESE) == len(CHINESE.encode())
    assert counter.count_tokens("\ud83d") == 3


def test_a_request_counts_its_messages_schema_and_documents() -> None:
    counter = TokenCounter()
    plain = counter.count_request(asked("Why?"))
    schema = ChatSchema("answer", {"type": "object"})
    documents = (ChatDocument("d1", "Mills", "A mill."),)
    both = ChatRequest((ChatMessage("user", "Why?"),), schema=schema, documents=documents)
    assert plain == 4 + 32
    assert counter.count_request(both) > plain + len("d1MillsA mill.") + len('{"type":"object"}')


def test_the_bound_gets_closer_when_enough_was_reported() -> None:
    counter = TokenCounter()
    teach(counter, ENGLISH, tokens_per_byte=0.2, times=7)
    assert counter.count_tokens(ENGLISH) == len(ENGLISH)
    teach(counter, ENGLISH, tokens_per_byte=0.2, times=1)
    assert counter.count_tokens(ENGLISH) == pytest.approx(0.25 * len(ENGLISH), rel=0.01)


def test_english_says_nothing_about_chinese_nor_chinese_about_english() -> None:
    english, chinese = TokenCounter(), TokenCounter()
    teach(english, ENGLISH, tokens_per_byte=0.2)
    teach(chinese, CHINESE, tokens_per_byte=0.4)
    assert english.count_tokens(CHINESE) == len(CHINESE.encode())
    assert chinese.count_tokens(ENGLISH) == len(ENGLISH)
    assert chinese.count_tokens(CHINESE) == pytest.approx(0.5 * len(CHINESE.encode()), rel=0.01)


def test_one_text_of_many_tokens_raises_the_bound_for_good() -> None:
    counter = TokenCounter()
    teach(counter, ENGLISH, tokens_per_byte=0.2)
    teach(counter, ENGLISH, tokens_per_byte=0.6, times=1)
    teach(counter, ENGLISH, tokens_per_byte=0.2)
    assert counter.count_tokens(ENGLISH) >= 0.6 * len(ENGLISH)


def test_a_preamble_that_the_server_adds_is_learned() -> None:
    counter = TokenCounter()
    request = asked("Why?")
    counter.learn(request, ChatUsage(input_tokens=90))
    assert counter.count_request(request) >= 90
    assert counter.count_tokens("Why?") == 4


def test_short_requests_do_not_spoil_the_bound_with_their_overhead() -> None:
    counter = TokenCounter()
    teach(counter, ENGLISH, tokens_per_byte=0.2)
    for _ in range(20):
        counter.learn(asked("Why?"), ChatUsage(input_tokens=12))
    assert counter.count_tokens(ENGLISH) < 0.3 * len(ENGLISH)


def test_a_bound_learned_from_short_texts_holds_for_long_ones() -> None:
    counter = TokenCounter()
    short = ENGLISH[:450]
    for _ in range(20):
        counter.learn(asked(short), ChatUsage(input_tokens=7 + len(short) // 5))
    assert counter.count_request(asked(ENGLISH * 50)) >= 7 + len(ENGLISH) * 50 // 5


def test_a_usage_of_nothing_teaches_nothing() -> None:
    counter = TokenCounter()
    for _ in range(20):
        counter.learn(asked(ENGLISH), ChatUsage())
    assert counter.count_tokens(ENGLISH) == len(ENGLISH)


def test_threads_can_learn_and_count_at_once() -> None:
    counter = TokenCounter()
    workers = [
        threading.Thread(target=teach, args=(counter, ENGLISH), kwargs={"tokens_per_byte": 0.2}) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
        assert counter.count_tokens(ENGLISH) <= len(ENGLISH)
    for worker in workers:
        worker.join()
    assert counter.count_request(asked(ENGLISH)) >= 0.2 * len(ENGLISH)


def test_with_the_models_own_tokenizer_counts_are_exact(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"the": 0, "mill": 1, "?": 2, "[UNK]": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    counter = TokenCounter(tokenizer_file=path)
    assert counter.is_exact
    assert counter.count_tokens("the mill the mill the mill ?") == 7
    assert counter.count_tokens("half a pair \ud83d") == 4


def test_tiktoken_is_asked_only_where_its_file_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file would be fetched, and a damaged one deleted first; the network is closed to tests."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert not TokenCounter(model="gpt-4o-mini").is_exact
    damaged = []
    for url, _ in token_counts._VOCABULARIES.values():
        path = tmp_path / hashlib.sha1(url.encode()).hexdigest()
        path.write_bytes(b"IQ== 0\n")
        damaged.append(path)
    assert not TokenCounter(model="gpt-4o-mini").is_exact
    assert not TokenCounter(model="gpt-4").is_exact
    assert all(path.exists() for path in damaged)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert not TokenCounter(model="gpt-4o-mini").is_exact


def test_the_vocabularies_are_those_that_tiktoken_names() -> None:
    for name in ("cl100k_base", "o200k_base"):
        url, sha256 = token_counts._VOCABULARIES[name]
        source = inspect.getsource(getattr(openai_public, name))
        assert url in source
        assert sha256 in source
