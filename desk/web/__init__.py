"""The web of the desk: requests with their sessions, the app's files, the Starlette application."""
