"""Taking over the people of a process that is gone, so that none of them stays online for ever."""

from collections.abc import Sequence
from typing import NamedTuple

from messaging_service.storage import attendance
from messaging_service.storage.presence import find_presence
from service_kit.storage.writer import Transaction


class TakeOver(NamedTuple):
    """A command: attend to people of a process that lives no more or stands still."""

    gone: attendance.Attender
    most: int


class Taken(NamedTuple):
    """An answer: people to whom this process attends now; each with when they were seen last, and
    with whether they wish to be invisible. `more` if there are more of them.
    """

    people: tuple[tuple[str, int, bool], ...] = ()
    more: bool = False


def take_over(replica: str, transaction: Transaction, commands: Sequence[TakeOver]) -> list[Taken]:
    """Let the `replica` attend to the people of others that are gone, some at a time.

    That it is gone is asked in the transaction: a process that lives again by then has stored its
    people before, or does so after it.
    """
    connection = transaction.connection
    outcomes: list[Taken] = []
    for gone, most in commands:
        if not attendance.is_gone(connection, gone.replica):
            outcomes.append(Taken())
            continue
        people = attendance.find_people(connection, gone.replica, most)
        before = attendance.find_attendance(connection, people)
        after = {
            user: {replica: 0, **{one: at for one, at in rows.items() if one != gone.replica}}
            for user, rows in before.items()
        }
        attendance.ensure_attending(connection, replica, transaction.now)
        attendance.store_attendance(connection, before, after)
        more = len(people) == most
        if not more:
            attendance.forget_attender(connection, gone.replica)
        transaction.touch()
        found = find_presence(connection, people)
        outcomes.append(
            Taken(
                tuple(
                    (user, max(seen_at, gone.known_at), user in found and found[user].invisible)
                    for user, seen_at in people.items()
                ),
                more,
            )
        )
    return outcomes
