"""The HTTP interface: FastAPI routes that parse requests, call the service, and write JSON."""
