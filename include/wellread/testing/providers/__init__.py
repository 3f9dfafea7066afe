"""One loopback server that speaks the protocols of several model providers. See ``provider_server``."""
