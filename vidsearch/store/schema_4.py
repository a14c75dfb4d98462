"""From format 3 to format 4: tables beside those that were there, and nothing moved."""

from __future__ import annotations

TABLES = """
-- Whose vectors a space holds: those of frames, until now.
ALTER TABLE spaces ADD COLUMN kind TEXT NOT NULL DEFAULT 'frames';
"""
