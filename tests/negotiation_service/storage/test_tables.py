"""The tables of the database, as the migrations make them."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from negotiation_service.storage.tables import services
from tests.negotiation_service.deals import carry_out, proposed
from tests.support.serving import Database


def test_the_database_itself_allows_one_open_service(database: Database) -> None:
    """A second open row of a conversation cannot be stored, whatever a defect would try."""
    first = proposed()
    database.run(carry_out, first)
    row = {
        **dict.fromkeys(services.c.keys(), 0),
        **dict.fromkeys(("provider_id", "client_id", "state", "deal"), "x"),
        "conversation_id": "c",
    }
    with database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "closed", "is_open": False})
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(insert(services), row | {"id": "open", "is_open": True})
