"""Captions: combining them, correcting and rewriting them, and exporting them."""
