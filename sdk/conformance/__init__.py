"""The kit by which a client library of any language shows that it loses and doubles nothing."""
