"""Pixels and text to vectors and captions. Importing this package imports no model and no torch."""
