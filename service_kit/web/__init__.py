"""Parts of processes that serve browsers: built apps as files in memory, and origins."""
