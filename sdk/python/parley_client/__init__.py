"""The client of Parley: conversations, messages and deals over one WebSocket."""

from parley_client.client import Client
from parley_client.options import Options
from parley_client.states import State
from parley_client.stores.memory import MemoryStore
from parley_client.stores.sqlite import SqliteStore

__all__ = ["Client", "MemoryStore", "Options", "SqliteStore", "State"]
