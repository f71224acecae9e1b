"""Events: what happens in moderation, told to all pages that are open."""
