"""What is kept: the catalog (SQLite, the truth), the vector index (FAISS, a cache), and the Library over both."""
