"""Runs SQL scripts inside an open transaction."""

from __future__ import annotations

import sqlite3


def execute_all(connection: sqlite3.Connection, sql: str) -> None:
    """Execute statements one by one, inside the open transaction.

    `sqlite3.Connection.executescript` would commit it first.
    """
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
