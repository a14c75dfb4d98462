"""Measures how well models retrieve, on data sets that the user has. Needs no library."""
