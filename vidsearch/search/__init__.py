"""Queries to hits. Reads a Library through its public methods; knows no SQL and never imports torch."""
