"""Files to frames: probing, decoding, sampling, resizing. Knows no model and no library."""
