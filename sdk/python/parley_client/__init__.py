"""The client of Parley: conversations, messages and deals over one WebSocket."""
