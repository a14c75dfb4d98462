"""The HTTP door: requests in, JSON out. Calls the service; no logic of its own."""
