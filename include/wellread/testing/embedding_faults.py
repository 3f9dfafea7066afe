"""Faults and meter of the provider server, for users of ``embedding_server``."""

from wellread.testing.provider_server import Behaviour, Fault, FaultKind, Meter

__all__ = ["Behaviour", "Fault", "FaultKind", "Meter"]
