"""The test suite keeps its own promises: no network, no leaked settings, no silent skip in CI."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest

def test_that_misses_a_server():
    pytest.skip("needs server: postgres (nowhere to be found)")

def test_that_passes():
    pass
"""


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0), ("registry.example", 443)])
def test_a_connection_that_leaves_the_machine_is_refused(address: tuple[object, ...]) -> None:
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(OSError, match="loopback only"):
        client.connect(address)


def test_looking_up_a_name_of_the_network_is_refused() -> None:
    with pytest.raises(OSError, match="loopback only"):
        socket.getaddrinfo("registry.example", 443)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_no_setting_or_credential_of_the_machine_reaches_a_test(tmp_path: Path) -> None:
    names = {name for name in os.environ if name.startswith(("WELLREAD_", "OPENAI_", "AWS_"))}
    assert names <= {
        "WELLREAD_HOME",
        "WELLREAD_CORPORA",
        "WELLREAD_FAIL_ON_MISSING_SERVER",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
    assert Path(os.environ["WELLREAD_HOME"]).is_relative_to(tmp_path)


@given(st.integers())
def test_property_tests_live_with_the_home_of_each_test(number: int) -> None:
    assert isinstance(number, int)


@pytest.mark.parametrize(("strict", "code"), [("1", 1), ("0", 0)])
def test_a_missing_server_fails_a_strict_session_and_only_that(strict: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "test_skipping.py"
    file.write_text(SKIPPING)
    environment = os.environ | {"WELLREAD_FAIL_ON_MISSING_SERVER": strict, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(tmp_path), "-c", os.devnull, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("FAILED: servers are missing" in done.stdout) == bool(code)
    assert "1 passed, 1 skipped" in done.stdout
