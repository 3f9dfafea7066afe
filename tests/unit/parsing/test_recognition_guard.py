"""Text recognition is another program: it is limited, ended and left alone with its pixels.

The programs below take tesseract's place on the PATH: real processes that misbehave as it might.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from wellread.errors import DocumentError, SettingsError
from wellread.parsing import ParserPool, ParsingSettings, signature
from wellread.parsing.settings import RecognitionSettings
from wellread.parsing.tesseract_program import described, find_tesseract, identity

MEBIBYTE = 1024 * 1024
HOCR = """<html><body><p class='ocr_par'><span class='ocr_line' title='bbox 10 10 400 50; baseline 0 0; x_size 40'>
<span class='ocrx_word' title='bbox 10 10 400 50; x_wconf 96'>Word.</span></span></p></body></html>"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a program named tesseract alone on the PATH; ``reading`` is Python that answers one page."""

    def put(reading: str, *, version: str = "5.9.9", languages: str = "eng") -> Path:
        folder = tmp_path / f"bin-{version}-{languages.replace(' ', '-')}"
        folder.mkdir(exist_ok=True)
        program = folder / "tesseract"
        listed = "\\n".join(languages.split())
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, sys, time\n"
            f"if '--version' in sys.argv: print('tesseract {version}'); sys.exit()\n"
            f"if '--list-langs' in sys.argv: print('List of languages:\\n{listed}'); sys.exit()\n"
            "pixels = sys.stdin.buffer.read()\n"
            f"{reading}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return program

    return put


def _tiff(pages: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    page = Image.new("L", (400, 300), "white")
    page.save(buffer, "TIFF", save_all=True, append_images=[page] * (pages - 1))
    return buffer.getvalue()


def _left(program: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []  # reading, not telling its version
        if str(program) in command and "stdin" in command and process.status() != "zombie":
            found.append(process)
    return found


def test_each_page_has_the_wall_limit_for_itself(install: Install) -> None:
    install(f"time.sleep(1.2); print({HOCR!r})")
    with ParserPool(ParsingSettings(worker_count=1, wall_limit_seconds=4)) as pool:
        document = pool.parse(_tiff(5), "five.tiff")
    assert [element.page for element in document.elements] == [1, 2, 3, 4, 5]


def test_a_page_that_never_ends_is_given_up_with_its_program(install: Install) -> None:
    program = install("time.sleep(600)")
    with ParserPool(ParsingSettings(worker_count=1, wall_limit_seconds=2)) as pool:
        with pytest.raises(DocumentError) as refused:
            pool.parse(_tiff(1), "endless.tiff")
        assert refused.value.cause == "timeout"
        assert _left(program) == []
        assert pool.parse(b"still here", "next.txt").elements[0].text == "still here"


def test_the_memory_limit_holds_for_the_program_too(install: Install) -> None:
    hungry = (
        "try: held = bytearray(1 << 31)\nexcept MemoryError: print('std::bad_alloc', file=sys.stderr); sys.exit(1)"
    )
    install(f"{hungry}\nprint({HOCR!r})")
    with ParserPool(ParsingSettings(worker_count=1, memory_limit_bytes=256 * MEBIBYTE)) as pool:
        with pytest.raises(DocumentError) as refused:
            pool.parse(_tiff(1), "hungry.tiff")
        assert refused.value.cause == "out_of_memory"


def test_a_program_that_fails_leaves_its_words_in_quarantine(install: Install) -> None:
    install("print('Error, no such model', file=sys.stderr); sys.exit(3)")
    with ParserPool(ParsingSettings(worker_count=1)) as pool, pytest.raises(DocumentError) as refused:
        pool.parse(_tiff(1), "failing.tiff")
    assert refused.value.cause == "no_text"
    assert "no such model" in refused.value.found


def test_it_is_given_pixels_one_thread_and_no_keys(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    seen = "' '.join([*sys.argv[1:], pixels[:2].decode(), *sorted(os.environ)])"
    page = HOCR.replace("Word.</span>", "{}</span>")
    install(f"print({page!r}.format({seen}))")
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        text = pool.parse(_tiff(1), "http://example.org/odd name.tiff").elements[0].text
    assert text.startswith("stdin stdout -l eng")
    assert " P5 " in text
    assert "OMP_THREAD_LIMIT" in text
    assert "KEY" not in text
    assert "example.org" not in text


OWNER = """
import sys
from wellread.parsing import ParserPool, ParsingSettings
pool = ParserPool(ParsingSettings(worker_count=1))
pool.submit(open(sys.argv[1], "rb").read(), "endless.tiff").result()
"""


def test_no_program_is_left_after_the_owner_was_killed(install: Install, tmp_path: Path) -> None:
    program = install("time.sleep(600)")
    (tmp_path / "endless.tiff").write_bytes(_tiff(1))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "endless.tiff")], env=environment)
    for _ in range(600):
        if _left(program):
            break
        time.sleep(0.05)
    assert _left(program)
    owner.kill()
    owner.wait()
    for _ in range(600):
        if not _left(program):
            break
        time.sleep(0.05)
    assert _left(program) == []


def test_the_language_of_the_document_is_used_where_it_is_installed(install: Install) -> None:
    words = "der Hund und die Katze gehen nicht mit dem Mann auf das Haus zu"
    page = HOCR.replace("Word.</span>", f"{words} {{}}</span>")
    install(f"print({page!r}.format(sys.argv[sys.argv.index('-l') + 1]))", languages="deu eng")
    with ParserPool(ParsingSettings(worker_count=1)) as pool:
        text = " ".join(element.text for element in pool.parse(_tiff(2), "haus.tiff").elements)
    assert text.count("deu+eng") == 2
    fixed = ParsingSettings(worker_count=1, recognition=RecognitionSettings(languages=("eng",)))
    with ParserPool(fixed) as pool:
        assert pool.parse(_tiff(1), "haus.tiff").elements[0].text.endswith(" eng")


def test_the_signature_follows_version_and_languages(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ParsingSettings()
    monkeypatch.setenv("PATH", str(tmp_path))
    signatures = [signature(settings)]
    for version, languages in (("5.3.0", "eng"), ("5.4.0", "eng"), ("5.4.0", "deu eng")):
        install("", version=version, languages=languages)
        signatures.append(signature(settings))
    assert len(set(signatures)) == 4
    chosen = RecognitionSettings(languages=("eng",))
    assert identity(chosen)[1] == "eng"
    install("", version="5.4.0", languages="fra eng")
    assert identity(chosen)[1] == "eng"


def test_without_the_program_or_its_languages_nothing_is_recognised(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tesseract(RecognitionSettings()) is None
    assert "apt-get install tesseract-ocr" in described(RecognitionSettings())
    install("", languages="deu osd")
    assert find_tesseract(RecognitionSettings()) is None
    assert find_tesseract(RecognitionSettings(languages=("deu",))) is not None
    with pytest.raises(SettingsError, match="tesseract-ocr-chi-sim"):
        described(RecognitionSettings(languages=("deu", "chi_sim")))
    assert "deu" in described(RecognitionSettings(languages=("deu",)))
