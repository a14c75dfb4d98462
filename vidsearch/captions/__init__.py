"""Captions as data: cleaning, many captions to one, and the formats that people take away."""
