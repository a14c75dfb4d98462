"""The Streamlit page: search, library, index and explore, in a browser on this machine.

    serve.py     starts the server: page, pictures and videos from one address
    files.py     pictures and videos by their number in the library, and nothing else
    desk.py      the library as the page uses it, in one thread
    jobs.py      an index run in its own process, which outlives the page
    app.py       what the browser shows: one module a page, `show.py` for what they share

Calls only the package's public Python API; knows no SQL and no model. Needs the `ui` extra.
"""
