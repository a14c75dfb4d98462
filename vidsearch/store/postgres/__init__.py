"""A library's rows on a PostgreSQL server."""
