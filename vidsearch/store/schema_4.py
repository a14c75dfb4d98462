"""From format 3 to format 4: tables beside those that were there, and nothing moved."""

from __future__ import annotations

TABLES = """
"""
