"""What a library's owner calls things: names, examples, and what follows from them in each space."""
