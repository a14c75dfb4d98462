"""Everything that made the weights of `mini`: one command from the data folder to the shipped
files."""
