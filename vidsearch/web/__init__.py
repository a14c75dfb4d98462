"""The Streamlit page: search, library, index and explore, in a browser on this machine. Needs the `ui` extra.

serve.py          starts the server: page, pictures and videos from one address
gate.py           lets through only who has the start token, from the page's own origin
files.py          pictures, videos and heat maps by their number in the library
uploads.py        videos that are dropped, into a folder that the user chose; adding.py: where to drop them
page_library.py   the library as the page uses it: one thread asks it, another reads its pictures
jobs.py           an index run in its own process, which outlives the page; progress.py: how far it is
app.py, pages.py  what the browser shows: one module a page, `show.py` for what they share
components/       what Streamlit's widgets cannot do: a grid of moments, a player, dropping, keys
cards.py          moments and videos as the components take them
frame_map.py      where frames lie on a map; UMAP in a process of its own
examples.py       queries to begin with, of which the library answers each well
"""
