"""The command line: parse, build, print. Alone with the page in printing, and alone in exiting."""
