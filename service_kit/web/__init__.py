"""What processes that serve browsers share: built apps as files in memory, and origins."""
