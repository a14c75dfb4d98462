"""What every door calls: the public `Library`, its JSON, and the choices that go with both.

The command line, the page, HTTP and MCP parse what they are asked, call this, and draw what comes back.
"""
