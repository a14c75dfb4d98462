"""Catalogs on a PostgreSQL server."""
