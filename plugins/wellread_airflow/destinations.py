"""Where answers go, as a DAG names it: addresses without credentials, which come from Airflow connections.

``answers.xlsx``, ``s3://bucket/key.parquet``, ``s3://CONN_ID@bucket/key.csv``, ``conn:CONN_ID#table`` (postgres,
sqlite), ``conn:CONN_ID#/path`` (http: a webhook, signed with the connection's password), and files at any URI that
Airflow's object storage knows (``gs://...``, ``abfs://...``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from wellread.errors import SettingsError
from wellread_airflow.connections import found_connection, s3_client_of
from wellread_airflow.files import checked_target, written_file
from wellread_airflow.model_connections import address_of, refused

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from wellread.answering.destinations.protocol import Destination, Publication
    from wellread.questions import Question
    from wellread.workspace import Workspace

_CONNECTION = "conn:"
_DATABASES = ("postgres", "sqlite")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file at a URI of Airflow's object storage."""

    address: str

    @property
    def label(self) -> str:
        """The URI: it names a connection, and holds no key."""
        return self.address

    def check(self, columns: Sequence[str]) -> None:
        """The ending."""
        del columns
        checked_target(self.address)

    def publish(self, publication: Publication) -> None:
        """Write it whole."""
        from wellread.answering.files.answer_files import write_answers

        with written_file(self.address) as path:
            write_answers(publication.rows, path)


def opened_destination(workspace: Workspace, address: str) -> Destination:
    """The destination of an address. Raises ``SettingsError``."""
    from wellread.workspace.publishing import destination_of

    if address.startswith(_CONNECTION):
        return _of_connection(workspace, address)
    parts = urlsplit(address)
    if parts.scheme == "s3" and parts.username:
        conn_id = parts.username
        plain = f"s3://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return destination_of(workspace, plain, s3_client=lambda: s3_client_of(conn_id))
    if parts.password or parts.scheme in {"http", "https"} or ("://" in address and parts.scheme in _SQL_SCHEMES):
        raise SettingsError(
            f"publish answers to {parts.scheme}://...",
            found="such an address may hold a key, and a task's options are shown on Airflow's page",
            remedy="Make it an Airflow connection and write conn:CONN_ID#table, or conn:CONN_ID#/path.",
        )
    if "://" in address and parts.scheme != "s3":
        return StoredFile(address)
    return destination_of(workspace, address)


_SQL_SCHEMES = ("postgresql+psycopg", "postgresql", "postgres")


def _of_connection(workspace: Workspace, address: str) -> Destination:
    from wellread.answering.destinations.opening import open_destination

    conn_id, _, rest = address.removeprefix(_CONNECTION).partition("#")
    connection = found_connection(conn_id, (*_DATABASES, "http"))
    settings = workspace.settings.answering.publishing
    if connection.conn_type == "http":
        if connection.password:
            settings = settings.model_copy(update={"webhook_secret": SecretStr(connection.password)})
        whole = _webhook(connection, rest)
    else:
        whole = _table(connection, rest)
    return open_destination(whole, settings=settings, s3_client=_no_bucket)


def _webhook(connection: Connection, path: str) -> str:
    address = address_of(connection)
    if address is None:
        raise refused(connection, "it names no host", "Fill in the host of the receiver.")
    return f"{address.rstrip('/')}/{path.lstrip('/')}" if path else address


def _table(connection: Connection, table: str) -> str:
    if not table:
        raise refused(connection, "no table is named", f"Write conn:{connection.conn_id}#table.")
    if connection.conn_type == "sqlite":
        return f"sqlite:///{connection.host}#{table}"
    user = quote(connection.login or "", safe="")
    secret = f":{quote(connection.password, safe='')}" if connection.password else ""
    port = f":{connection.port}" if connection.port else ""
    return f"postgresql+psycopg://{user}{secret}@{connection.host or ''}{port}/{connection.schema or ''}#{table}"


def _no_bucket() -> Any:
    raise AssertionError("no bucket is asked of a connection of this type")


def addresses_of(given: str | Sequence[str]) -> list[str]:
    """From a list, or from a form's lines. Raises ``SettingsError`` for none."""
    lines = given.split("\n") if isinstance(given, str) else given
    addresses = [line.strip() for line in lines if line.strip()]
    if not addresses:
        raise SettingsError(
            "publish answers", found="no destination is named", remedy="Name a file, a table or a webhook."
        )
    return addresses


def check_destinations(workspace: Workspace, addresses: Sequence[str], questions: Sequence[Question]) -> None:
    """Refuse what cannot be written, before anything is paid. Raises ``WellreadError``."""
    columns = list(dict.fromkeys(name for question in questions for name in question.columns))
    for address in addresses:
        opened_destination(workspace, address).check(columns)
