"""Bad input: what was asked, what was found, what to do; exit code not 0; nothing half-written."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Setting = Callable[[str, object], None]


def refused(ended: Any, error: str, *words: str) -> dict[str, Any]:
    """The command ended with this error as one JSON object that holds these words."""
    assert ended.code not in {0, None}
    said: dict[str, Any] = ended.said
    assert said["error"] == error
    text = json.dumps(said, ensure_ascii=False)
    assert all(word in text for word in words), text
    assert said["asked"]
    assert said["found"]
    assert said["remedy"]
    return said


def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.txt").write_text("The harbour has nine cranes, and each of them is painted red.", "utf-8")
    return folder


def home_of(tmp_path: Path) -> Path:
    return tmp_path / "wellread-home"


def test_an_unknown_variable_is_refused_with_the_nearest_name(shell: Any, setting: Setting, tmp_path: Path) -> None:
    setting("COLECTION", "Docs")
    refused(shell("ingest", str(papers(tmp_path)), "--json"), "SettingsError", "WELLREAD_COLLECTION")
    assert not home_of(tmp_path).exists()


def test_an_unknown_field_of_a_room_is_refused_with_the_nearest_name(
    shell: Any, setting: Setting, tmp_path: Path
) -> None:
    setting("CHUNKING__MAX_WORD", "100")
    refused(shell("ingest", str(papers(tmp_path)), "--json"), "SettingsError", "max_words")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chunking:\n  max_wordz: 3\n", ("max_words", "wellread.yaml")),
        ("chunking:\n  max_words: many\n", ("chunking.max_words", "many")),
        ("chunking: [\n", ("not YAML",)),
        ("- a\n- b\n", ("list",)),
        ("indexing:\n  first_wave_documents: 0\n", ("first_wave_documents",)),
        ("collection: lower case\n", ("collection",)),
    ],
)
def test_a_settings_file_that_is_wrong_is_refused_by_line_or_field(
    shell: Any, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    home = home_of(tmp_path)
    home.mkdir()
    (home / "wellread.yaml").write_text(text, "utf-8")
    refused(shell("status", "--json"), "SettingsError", *words)
    assert [path.name for path in home.iterdir()] == ["wellread.yaml"]


def test_a_named_settings_file_must_exist(shell: Any, setting: Setting, tmp_path: Path) -> None:
    setting("SETTINGS", tmp_path / "missing.yaml")
    refused(shell("status", "--json"), "SettingsError", "missing.yaml")


def test_an_option_wins_over_the_environment(shell: Any, setting: Setting) -> None:
    setting("COLLECTION", "FromEnvironment")
    assert shell("status", "--collection", "FromOption", "--json").said["collection"] == "FromOption"
    assert shell("status", "--json").said["collection"] == "FromEnvironment"


def test_a_missing_folder_is_said_before_anything_is_started(shell: Any, tmp_path: Path) -> None:
    refused(shell("ingest", str(tmp_path / "nowhere"), "--json"), "SourceUnavailableError", "nowhere")
    refused(shell("ingest", "nobody-declared-this", "--json"), "SettingsError", "nobody-declared-this")
    assert not (home_of(tmp_path) / "server").exists()


def test_people_get_the_same_in_three_lines(shell: Any, tmp_path: Path) -> None:
    ended = shell("ingest", str(tmp_path / "nowhere"))
    assert ended.code == 1
    assert ended.out == ""
    assert [line.split(":")[0] for line in ended.err.strip().splitlines()] == ["error", "found", "do"]


def test_a_missing_binary_names_the_ways_to_get_one(shell: Any, setting: Setting, tmp_path: Path) -> None:
    setting("SERVER__BINARY", tmp_path / "no-such-binary")
    refused(shell("ingest", str(papers(tmp_path)), "--json"), "ServerUnavailableError", "no-such-binary")


def test_a_server_that_does_not_answer_is_named(shell: Any, setting: Setting, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    setting("SERVER__HTTP_HOST", "127.0.0.1")
    setting("SERVER__HTTP_PORT", port)
    setting("SERVER__GRPC_PORT", port)
    refused(shell("ingest", str(papers(tmp_path)), "--json"), "ServerUnavailableError", str(port))


def test_a_port_in_use_is_named(shell: Any, setting: Setting, tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        setting("SERVER__HTTP_PORT", port)
        refused(shell("server", "start", "--json"), "ServerUnavailableError", str(port))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("no-column.csv", "id,text\n1,hello\n", ("question",)),
        ("broken.jsonl", '{"question": "a?"}\n{"question": \n', ("2",)),
        ("empty.jsonl", "", ("no-such-word",)),
        ("questions.pdf", "%PDF", ("questions.pdf",)),
    ],
)
def test_a_questions_file_that_is_wrong_is_refused_before_anything_is_asked(
    shell: Any, tmp_path: Path, name: str, content: str, words: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    out = tmp_path / "answers.jsonl"
    words = tuple(word for word in words if word != "no-such-word")
    refused(shell("answer", str(tmp_path / name), "--out", str(out), "--json"), "QuestionsFileError", *words)
    assert not out.exists()
    assert not (home_of(tmp_path) / "server").exists()


def test_an_answer_file_that_cannot_be_written_is_refused_first(shell: Any, tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "Who?"}\n', "utf-8")
    for out in (tmp_path / "nowhere" / "a.jsonl", tmp_path / "answers.docx"):
        refused(shell("answer", str(questions), "--out", str(out), "--json"), "SettingsError", out.name)


def test_a_declared_source_that_is_wrong_names_file_and_field(shell: Any, setting: Setting, tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "minutes.yaml").write_text("id: minutes\nkind: folder\nlocation: /x\nacl: []\nshedule: '@daily'\n")
    setting("SOURCES_FOLDER", folder)
    refused(shell("sources", "--json"), "SettingsError", "minutes.yaml", "shedule", "schedule", "acl")


def test_approving_what_is_not_held_is_refused(shell: Any) -> None:
    refused(shell("approve", "papers", "--json"), "SettingsError", "papers")


def test_a_home_that_cannot_be_made_is_named(shell: Any, setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    setting("HOME", tmp_path / "file" / "home")
    refused(shell("status", "--json"), "SystemicError", "WELLREAD_HOME")


def test_unknown_commands_and_options_end_with_the_usage_code(shell: Any) -> None:
    assert shell("ingets").code == 2
    assert shell("search", "x", "--k", "0").code == 2


def test_answers_never_replace_their_questions(shell: Any, tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "Who?"}\n', "utf-8")
    refused(shell("answer", str(questions), "--out", str(questions), "--json"), "SettingsError", "--out")
    assert questions.read_text("utf-8") == '{"question": "Who?"}\n'


def test_an_empty_question_is_refused(shell: Any) -> None:
    refused(shell("ask", " ", "--json"), "SettingsError", "empty")


def test_a_faulty_declaration_stands_in_the_way_of_its_source_but_of_no_path(
    shell: Any, setting: Setting, deployed: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "minutes.yaml").write_text("id: minutes\nkind: shelf\nlocation: /x\n")
    setting("SOURCES_FOLDER", folder)
    refused(shell("ingest", "minutes", "--json"), "SettingsError", "minutes.yaml", "shelf")
    assert shell("ingest", str(papers(tmp_path)), "--json").said["documents"]["committed"] == 1


def test_the_home_is_never_ingested(shell: Any, deployed: Any, tmp_path: Path) -> None:
    papers(tmp_path)
    home_of(tmp_path).mkdir(exist_ok=True)
    (home_of(tmp_path) / "secret.txt").write_text("The password of the administrator.", "utf-8")
    planned = shell("ingest", str(tmp_path), "--dry-run", "--json").said["documents"]
    assert [item["document"] for item in planned] == ["papers/a.txt"]
