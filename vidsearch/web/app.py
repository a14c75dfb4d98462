"""The script that Streamlit runs."""

from vidsearch.web.pages import main

main()
