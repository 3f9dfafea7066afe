"""What holds for every test: a clean environment, no network but loopback, real servers or an honest skip."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from wellread.errors import ServerUnavailableError
from wellread.parsing.settings import RecognitionSettings
from wellread.parsing.tesseract_program import Tesseract, find_tesseract
from wellread.server import ServerAddress
from wellread.server.temporary import local_weaviate
from wellread.sources.s3_client import build_s3_client
from wellread.testing.embedding_server import EmbeddingServer, embedding_server
from wellread.testing.postgres_server import postgres_server
from wellread.testing.redis_server import redis_server
from wellread.testing.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, s3_server

KEPT = {"WELLREAD_CORPORA", "WELLREAD_FAIL_ON_MISSING_SERVER"}
SCRUBBED_PREFIXES = (
    *("WELLREAD_", "AWS_", "OPENAI_", "COHERE_", "CO_API_", "WEAVIATE_", "AIRFLOW_", "AZURE_", "ANTHROPIC_"),
    *("HELICONE_", "DATABRICKS_", "RUNPOD_", "TOGETHER_", "REPLICATE_", "HF_TOKEN", "AI_GATEWAY_", "REDIS_"),
)
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"}
MISSING_SERVER = "needs server:"

settings.register_profile(
    "house",
    derandomize=True,  # one machine's red is every machine's red; `--hypothesis-profile=explore` looks further
    deadline=None,  # timed assertions fail on busy machines and prove nothing
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Forget this machine's settings before any test module is imported."""
    for name in list(os.environ):
        if name not in KEPT and (name.startswith(SCRUBBED_PREFIXES) or name.lower() in PROXIES):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="wellread-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ |= {
        "WELLREAD_HOME": f"{home}/home",
        "AIRFLOW_HOME": f"{home}/airflow",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TZ": "UTC",
    }


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the torture tests to `make torture`."""
    if "torture" in config.getoption("markexpr"):
        return
    long = [item for item in items if item.get_closest_marker("torture")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("torture")]


def _missing_servers(session: pytest.Session) -> list[str]:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    return sorted({reason for reason in reasons if MISSING_SERVER in reason})


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where every server must be there (CI), a test that missed one fails the session."""
    missing = _missing_servers(session)
    if not missing or os.environ.get("WELLREAD_FAIL_ON_MISSING_SERVER") != "1":
        return
    if exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line("")
    reporter.write_sep("=", "FAILED: servers are missing (WELLREAD_FAIL_ON_MISSING_SERVER=1)", red=True)
    for reason in missing:
        reporter.write_line(reason)


def _is_local(address: Any) -> bool:
    """Unix sockets, loopback, and names for it; everything else is the network."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"localhost", "", socket.gethostname()}:
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    return False


class NetworkBlockedError(OSError):
    """A test tried to leave this machine."""


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse every connection of this process that leaves the machine, and every name look-up for one."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, send_to = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    look_up = socket.getaddrinfo

    def refuse(address: Any) -> None:
        if not _is_local(address):
            raise NetworkBlockedError(f"tests talk to loopback only, not to {address!r}")

    def checked_connect(self: socket.socket, address: Any) -> None:
        refuse(address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        refuse(address)
        return connect_ex(self, address)

    def checked_send_to(self: socket.socket, data: Any, *rest: Any) -> int:
        refuse(rest[-1])
        return send_to(self, data, *rest)

    def checked_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None:
            refuse((name, 0))
        return look_up(host, *rest, **named)

    patch.setattr(socket.socket, "connect", checked_connect)
    patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
    patch.setattr(socket.socket, "sendto", checked_send_to)
    patch.setattr(socket, "getaddrinfo", checked_look_up)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's ledger, keys or servers."""
    monkeypatch.setenv("WELLREAD_HOME", str(tmp_path / "wellread-home"))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of public document sets that WELLREAD_CORPORA names."""
    folder = os.environ.get("WELLREAD_CORPORA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the public document sets: set WELLREAD_CORPORA to their folder")
    return Path(folder)


def _of_server(stack: contextlib.ExitStack, name: str, server: contextlib.AbstractContextManager[Any]) -> Any:
    """What the server's block gives; a test that cannot have it is skipped and says so."""
    try:
        return stack.enter_context(server)
    except ServerUnavailableError as error:
        pytest.skip(f"{MISSING_SERVER} {name} ({error})")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The SQLAlchemy URL of a real, empty Postgres that lives as long as this test process."""
    with contextlib.ExitStack() as stack:
        yield _of_server(stack, "postgres", postgres_server())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real, empty Redis that lives as long as this test process."""
    with contextlib.ExitStack() as stack:
        yield _of_server(stack, "redis", redis_server())


@pytest.fixture(scope="session")
def tesseract() -> Tesseract:
    """The text recognition of this machine, with English; no server, but missed in the same way."""
    found = find_tesseract(RecognitionSettings())
    if found is None:
        pytest.skip(f"{MISSING_SERVER} tesseract (no tesseract with English here. Run `make services`.)")
    return found


@pytest.fixture(scope="session")
def make_scan() -> Callable[..., Any]:
    """Builds pictures of text: see ``_scan``."""
    return _scan


def _scan(*lines: str, width: int = 1654, size: int = 40) -> Any:
    """A grey Pillow image of a page at 200 dots per inch; ``size`` of the letters in pixels."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", (width, 150 + 2 * size * len(lines)), "white")
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((120, 80 + 2 * size * number), line, fill="black", font=font)
    return page


@pytest.fixture(scope="session")
def weaviate_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    """A real Weaviate that lives as long as this test process."""
    with contextlib.ExitStack() as stack:
        yield _of_server(stack, "weaviate", local_weaviate(tmp_path_factory.mktemp("weaviate-home")))


@pytest.fixture
def collection_name() -> str:
    """A logical collection that no other test uses."""
    return f"T{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The endpoint of a real S3 protocol on loopback, one server for all tests."""
    with contextlib.ExitStack() as stack:
        yield _of_server(stack, "s3", s3_server())


@pytest.fixture
def s3_client(s3_endpoint: str) -> Iterator[Any]:
    """A client of that server."""
    client = build_s3_client(
        endpoint_url=s3_endpoint, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3_client: Any) -> str:
    """A bucket that no other test uses."""
    name = f"documents-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def metered() -> Iterator[EmbeddingServer]:
    """An embedding server on loopback that counts what it is asked."""
    with embedding_server(dimensions=64) as running:
        yield running


@pytest.fixture
def deployment(
    tmp_path: Path, weaviate_address: ServerAddress, collection_name: str, metered: EmbeddingServer
) -> dict[str, Any]:
    """Settings of a deployment of its own on the shared Weaviate, with the metered embedder."""
    reach = ("http_host", "http_port", "grpc_host", "grpc_port", "api_key")
    openai = {"base_url": metered.openai_url, "api_key": "any", "dimensions": metered.dimensions}
    return {
        "home": tmp_path / "home",
        "collection": collection_name,
        "server": {name: getattr(weaviate_address, name) for name in reach},
        "embedder": {"provider": "openai", "openai": openai},
    }


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """Builds small PDFs: see ``_pdf``."""
    return _pdf


def _pdf(pages: list[list[tuple[float, float, float, str]]], *, title: str | None = None) -> bytes:
    """A PDF of one Helvetica font; a page is a list of (x, y, size in points, text)."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "\n".join(f"BT /F1 {size} Tf {x} {y} Td ({_escaped(text)}) Tj ET" for x, y, size, text in lines)
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
            f" /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    info = ""
    if title is not None:
        objects.append(f"<< /Title ({_escaped(title)}) >>")
        info = f" /Info {len(objects)} 0 R"
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{info} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{tail}".encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
