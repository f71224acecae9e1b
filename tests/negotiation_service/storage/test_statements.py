"""Hot statements on a real database."""

from sqlalchemy import Engine

from negotiation_service.storage import statements
from tests.negotiation_service.deals import carry_out, ended, proposed
from tests.support.plans import explain
from tests.support.serving import Database

# --- Statements and tables -----------------------------------------------------------------------


def test_hot_statements_search_by_an_index(engine: Engine, database: Database) -> None:
    """No hot statement scans a table or sorts; only the values given with it are walked through."""
    commands = [
        proposed(f"c{i}", actor=f"u{i % 60}", other=f"u{i % 59 + 60}", key=f"k{i}", service=f"s{i}")
        for i in range(240)
    ]
    database.run(carry_out, *commands)
    database.run(carry_out, *(ended(one.actor, one.service, "withdrawn") for one in commands[40:]))
    for name, statement in statements.HOT_STATEMENTS.items():
        searches, bad = explain(engine, str(statement.compile(engine)))
        assert searches, name
        assert bad == [], name
