"""Turns files into frames: probing, decoding, sampling, resizing; clips, sidecars and embedded words."""
