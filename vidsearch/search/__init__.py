"""Answers queries over a library's store. Contains no SQL and never imports torch."""
