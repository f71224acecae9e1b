"""`parley doctor`: looks at everything that Parley needs, changes nothing, and names each cure."""
