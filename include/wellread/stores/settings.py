"""How the store talks to its database."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class StoreSettings(BaseModel):
    """Addresses, key, time limits and sizes of one Weaviate connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http_host: str = Field(default="127.0.0.1", min_length=1, description="Host of the REST interface.")
    http_port: int = Field(default=8080, ge=1, le=65535, description="Weaviate's own default port.")
    http_secure: bool = Field(default=False, description="Whether REST speaks TLS.")
    grpc_host: str = Field(default="127.0.0.1", min_length=1, description="Host of the gRPC interface.")
    grpc_port: int = Field(default=50051, ge=1, le=65535, description="Weaviate's own default port.")
    grpc_secure: bool = Field(default=False, description="Whether gRPC speaks TLS.")
    api_key: SecretStr | None = Field(default=None, description="Sent with every call where given.")
    init_seconds: float = Field(
        default=5.0, gt=0, description="For reaching the server at all: loopback needs milliseconds."
    )
    query_seconds: float = Field(
        default=30.0, gt=0, description="For one read. A warm search takes hundredths of a second."
    )
    insert_seconds: float = Field(
        default=90.0,
        gt=0,
        description="For one write. Generous: a write cut off by its deadline must be deleted and repeated.",
    )
    batch_objects: int = Field(
        default=200, ge=1, le=10_000, description="Objects in one request: about 0.2 s on two cores."
    )
    batch_bytes: int = Field(
        default=8_000_000,
        ge=10_000,
        le=100_000_000,
        description="Estimated bytes in one request; the server takes at most 104,858,000.",
    )
    patch_threads_count: int = Field(
        default=8, ge=1, le=64, description="Patches go over REST one by one: eight at once reach 700 a second."
    )
