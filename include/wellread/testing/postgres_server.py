"""A real Postgres for tests: its own data folder, a free loopback port, gone at the end.

Example::

    with postgres_server() as url:  # postgresql+psycopg://wellread:...@127.0.0.1:40123/postgres
        engine = sqlalchemy.create_engine(url)
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wellread.errors import ServerUnavailableError

USER = "wellread"
START_SECONDS = 60.0
_DEBIAN_FOLDERS = "/usr/lib/postgresql"
_REMEDY = "Run `make services`, or put initdb and postgres on the PATH."
# Speed instead of safety: the data folder is thrown away.
_SERVER_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "unix_socket_directories=")


def find_postgres() -> Path:
    """The folder with ``initdb`` and ``postgres``: on the PATH, else the newest Debian package.

    Raises:
        ServerUnavailableError: Neither is there.
    """
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    versions = sorted(Path(_DEBIAN_FOLDERS).glob("*/bin"), key=_debian_version, reverse=True)
    for folder in (*candidates, *versions):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise ServerUnavailableError("start Postgres for tests", found="no initdb and postgres here", remedy=_REMEDY)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A running server's SQLAlchemy URL (psycopg 3, password authentication, loopback only).

    As root it runs as the user ``postgres`` or ``nobody``, because Postgres refuses root.

    Raises:
        ServerUnavailableError: Postgres is missing or did not start; the message ends with its own words.
    """
    programs = find_postgres()
    account = _unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="wellread-postgres-") as name:
        folder = Path(name)
        password = secrets.token_urlsafe(24)
        _create_cluster(programs, folder, password, account)
        port = free_port()
        with _running(programs, folder, port, account):
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _debian_version(folder: Path) -> int:
    version = folder.parent.name
    return int(version) if version.isdigit() else 0


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Whom to run as: ``None`` for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerUnavailableError(
        "start Postgres for tests", found="root, and no user postgres or nobody", remedy="Run as another user."
    )


def _process_options(account: pwd.struct_passwd | None) -> Mapping[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _create_cluster(programs: Path, folder: Path, password: str, account: pwd.struct_passwd | None) -> None:
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="ascii")
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
        os.chown(password_file, account.pw_uid, account.pw_gid)
    command = [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username", USER]
    command += ["--auth", "scram-sha-256", "--pwfile", str(password_file), "--encoding", "UTF8", "--locale", "C"]
    done = subprocess.run(
        [*command, "--no-sync"], capture_output=True, text=True, check=False, cwd="/", **_process_options(account)
    )
    password_file.unlink()
    if done.returncode != 0:
        raise ServerUnavailableError("initialise a Postgres for tests", found=done.stderr.strip(), remedy=_REMEDY)


@contextmanager
def _running(programs: Path, folder: Path, port: int, account: pwd.struct_passwd | None) -> Iterator[None]:
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port)]
    for option in _SERVER_OPTIONS:
        command += ["-c", option]
    log = folder / "log"
    with log.open("wb") as stream:
        # A session of its own: Ctrl-C in a test run must reach the tests first, and the server in order.
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, cwd="/", start_new_session=True, **_process_options(account)
        )
    try:
        _await_ready(process, port, log)
        yield
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if b"ready to accept connections" in log.read_bytes():
            return
        time.sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-500:].strip()
    raise ServerUnavailableError(f"start Postgres on port {port}", found=tail or "no answer", remedy=_REMEDY)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(2)  # SIGINT is Postgres' fast shutdown: it ends sessions and its own children
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def empty_database(server_url: str) -> str:
    """The URL of a new, empty database on a running server, so that no test sees another's tables."""
    import sqlalchemy as sa

    url = sa.make_url(server_url)
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
