"""The library for assistants, by the Model Context Protocol: tools that call the service, in few words."""
