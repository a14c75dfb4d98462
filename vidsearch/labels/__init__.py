"""Labels: what is to be looked for in every frame, where it is seen, and how long."""
