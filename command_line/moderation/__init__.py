"""`parley mod`: what moderators type, answered by the moderation service over gRPC."""
