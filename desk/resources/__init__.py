"""Resources of the HTTP API: the operations on each, and the table of them."""
