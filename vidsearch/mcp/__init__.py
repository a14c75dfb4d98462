"""The Model Context Protocol interface for assistants: tools that call the service."""
