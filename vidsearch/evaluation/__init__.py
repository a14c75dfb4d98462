"""How well retrieval works, on data sets that the user has. Knows no library: models and files alone."""
