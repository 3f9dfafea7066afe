"""How the Weaviate server is found, installed and started."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

VERSION = "1.39.0"
"""The one server version that this release is tested with; the pinned client matches it."""


class ServerSettings(BaseModel):
    """A server of your own by address, or else a local one by version, ports and limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http_host: str | None = Field(
        default=None, description="Host of a server that you run. Nothing is started where this is given."
    )
    http_port: int | None = Field(
        default=None, ge=1, le=65535, description="REST port: of your server (default 8080), or of the local one."
    )
    http_secure: bool = Field(default=False, description="Whether your server's REST speaks TLS.")
    grpc_host: str | None = Field(default=None, description="Where gRPC has another host than REST.")
    grpc_port: int | None = Field(
        default=None, ge=1, le=65535, description="gRPC port: of your server (default 50051), or of the local one."
    )
    grpc_secure: bool = Field(default=False, description="Whether your server's gRPC speaks TLS.")
    api_key: SecretStr | None = Field(
        default=None, description="Of your server. The local server's key is made by its first start."
    )
    version: str = Field(
        default=VERSION, pattern=r"^\d+\.\d+\.\d+$", description="Of the local server; part of the cache folder."
    )
    binary: str | None = Field(
        default=None,
        description="Path of a weaviate-server that you have; WELLREAD_WEAVIATE_BINARY says the same.",
    )
    start_seconds: float = Field(
        default=60.0, gt=0, description="For becoming ready: 3 s when empty, more with millions of objects."
    )
    stop_seconds: float = Field(
        default=20.0, gt=0, description="For a clean stop before the process is killed: 0.2 s measured."
    )
    memory_limit_mebibytes: int | None = Field(
        default=None,
        ge=256,
        description="Soft limit of the server's heap (GOMEMLIMIT). Half of the machine's memory by default.",
    )
    disk_readonly_percent: int = Field(
        default=97,
        ge=1,
        le=100,
        description="Fullness of the disk at which shards refuse writes. The server's own 90 stops many laptops.",
    )
    smallest_free_mebibytes: int = Field(
        default=256, ge=0, description="Less free space than this is a full disk before anything is started."
    )
    query_maximum_results: int = Field(
        default=10_000, ge=10_000, description="The server's own default; audits count on it."
    )
    log_rotate_bytes: int = Field(
        default=10_000_000, ge=1, description="A log larger than this is set aside at the next start; one is kept."
    )
    reach_seconds: float = Field(
        default=5.0, gt=0, description="For one look at whether a server, a download or Docker answers at all."
    )
    download_url: str = Field(
        default="https://github.com/weaviate/weaviate/releases/download/v{version}/"
        "weaviate-v{version}-{system}-{machine}.{suffix}",
        description="The official release; a mirror may stand here.",
    )
    download_seconds: float = Field(default=600.0, gt=0, description="For the whole download of about 60 MB.")
    build_seconds: float = Field(
        default=3600.0, gt=0, description="For building with Go: 4 minutes measured on two cores."
    )
    build_module: str = Field(
        default="github.com/weaviate/weaviate/cmd/weaviate-server", description="What `go install` builds."
    )
    docker_image: str = Field(
        default="semitechnologies/weaviate", description="The official image, without its tag: that is the version."
    )
