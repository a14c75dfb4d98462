"""What is kept of the videos: a catalog in SQLite, and the vectors in a form that searches fast."""
