"""The library over HTTP: parses requests, calls the service, writes what comes back as JSON."""
