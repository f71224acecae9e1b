"""The desk: the process between the browsers of moderators and the moderation service."""
