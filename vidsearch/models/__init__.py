"""Pixels and text to vectors and captions. Importing this package imports no model and no torch."""

import os

# torch's threads wait for each other at the end of every operation, spinning, which takes the cores from the
# threads that decode. Asleep they cost nothing. OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
