"""The `parley` program: its commands, their options, and their exit codes."""

import asyncio
import shlex
import signal
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from command_line.chat import appeal
from command_line.chat.chat import Chat
from command_line.chat.connection import ChatOptions
from command_line.client import tokens
from command_line.client.data_folder import DataFolder
from command_line.demo.conversation import play
from command_line.demo.transcript import heading
from command_line.display.console import CommandError, complain, say
from command_line.display.screen import Screen
from command_line.display.timestamps import parse_duration
from command_line.moderation.client import ModerationClient, Moderator
from command_line.moderation.program import application as moderation
from command_line.serve.parts import SERVICES, Address
from command_line.serve.probes import free_port, port_is_free
from command_line.serve.serving import migrate as migrate_database
from command_line.serve.serving import serve

DEFAULT_PORT = 8080
DEFAULT_DATA = Path(".data/parley")
TOKEN_LIFETIME = timedelta(hours=1)


class LogLevel(StrEnum):
    """How much the parts write to their logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Parley: people talk in real time, through a WebSocket edge in front of gRPC services.",
    epilog="Begin with: parley demo",
)

application.add_typer(moderation, name="mod")
application.command("appeal")(appeal.command)

Data = Annotated[Path, typer.Option(help="The data folder: database, secrets, logs.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Level = Annotated[LogLevel, typer.Option(help="How much the parts write to their logs.")]


def announce(folder: DataFolder, address: Address, subject: str = "") -> None:
    """Says where the edge listens, and how to connect."""
    data = f"--data {shlex.quote(str(folder.path))}"
    about = f" --subject {shlex.quote(subject)}" if subject else ""
    program = sys.argv[0] if sys.argv[0].endswith("/parley") else "parley"
    say(heading("ready"))
    say(f"  socket   {address.socket_url}")
    say(f"  health   http://{address.authority}/readyz")
    say(f"  token    {program} token alice {data}")
    say(f"  chat     {program} chat --as alice --with bob{about} {data}")
    say(f"           {program} chat --as bob --with alice{about} {data}")
    say(f"  logs     {folder.log('edge')}")
    for name in SERVICES:
        say(f"           {folder.log(name)}")
    say("  Ctrl-C stops everything.")


@application.command()
def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")
    ] = DEFAULT_PORT,
    data: Data = DEFAULT_DATA,
    host: Host = "127.0.0.1",
    log_level: Level = LogLevel.INFO,
) -> None:
    """Serve until Ctrl-C, with everything kept in a data folder.

    The first start makes the folder and its secrets. The databases are brought up to date, the
    services and the edge are started as processes and waited for, and started again when they
    die. SIGINT and SIGTERM stop them in order, the edge first, with exit code 0; a
    second Ctrl-C kills them at once. Settings of the parts (PARLEY_EDGE_..., PARLEY_MESSAGING_...,
    PARLEY_NEGOTIATION_..., PARLEY_MODERATION_...) are taken from the environment.

    \b
    Examples:
      parley up
      parley up --port 9000 --data /var/lib/parley
    """
    folder = DataFolder.at(data)
    address = Address(host, port or free_port(host))

    async def stay() -> None:
        announce(folder, address)
        await asyncio.Event().wait()

    asyncio.run(serve(folder, address, log_level.value, stay))


@application.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="A data folder; by default a fresh one below .data.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help=f"The port to listen on; 0 takes any free one. Without this option: "
            f"{DEFAULT_PORT}, or any free one when that is taken.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the play.")] = False,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Play a conversation, a deal, a report and a dispute through the real socket.

    Starts everything as `parley up` does, in a fresh folder, then alice and bob connect and
    write, one drops off and resumes; they bargain about a service, which is delivered, completed
    and rated. A message is reported, moderators decide and are appealed against; another service
    is disputed and settled. Each step is checked: exit code 1 when one does not come.
    Afterwards it goes on serving, so that you can join in.

    \b
    Examples:
      parley demo
      parley demo --once --port 0
    """
    if data is None:
        started = datetime.now(UTC)
        data = Path(".data") / f"demo-{started:%Y%m%d-%H%M%S}-{token_hex(2)}"
    folder = DataFolder.at(data)
    host = "127.0.0.1"
    if port is None:
        port = DEFAULT_PORT
        if not port_is_free(host, port):
            port = free_port(host)
            say(f"port {DEFAULT_PORT} is taken, so the demo listens on {port}")
    address = Address(host, port or free_port(host))

    def mint(user: str) -> str:
        return tokens.mint(folder, user, TOKEN_LIFETIME)

    def moderate(name: str) -> ModerationClient:
        moderator = Moderator(name, ("moderator",))
        credential = folder.service_credential.read_text("ascii").strip()
        return ModerationClient(folder.read_target("moderation"), credential, moderator)

    async def perform() -> None:
        await play(address.socket_url, mint, moderate, say)
        say("\nThe play is over; every step came as expected.")
        if not once:
            announce(folder, address, subject="Kitchen tap")
            await asyncio.Event().wait()

    asyncio.run(serve(folder, address, log_level.value, perform))


@application.command()
def token(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose token: its subject.")],
    data: Data = DEFAULT_DATA,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="A role of this user; may be repeated.")
    ] = None,
    expires_in: Annotated[
        str, typer.Option(metavar="TIME", help="How long it is good for: 30s, 15m, 1h, 7d.")
    ] = "1h",
    invisible: Annotated[
        bool, typer.Option("--invisible", help="Who connects with it is not shown as online.")
    ] = False,
) -> None:
    """Print a token (JWT) for a data folder, and nothing else.

    It is signed with the folder's own secret, which the first `parley up` on it makes.

    \b
    Examples:
      parley token alice
      parley token carol --role moderator --expires-in 15m --data /var/lib/parley
    """
    lifetime = parse_duration(expires_in)
    print(tokens.mint(DataFolder.at(data), user, lifetime, role or (), invisible=invisible))


@application.command()
def chat(
    me: Annotated[str, typer.Option("--as", metavar="USER", help="Who you are.")],
    peer: Annotated[str, typer.Option("--with", metavar="USER", help="Whom you talk with.")],
    data: Data = DEFAULT_DATA,
    url: Annotated[
        str | None, typer.Option(help="The socket; by default that of the folder's `parley up`.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="What it is about; two people may have several subjects.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Your token, for a server whose secret is not in the data folder."),
    ] = None,
) -> None:
    """ChatOptions with someone from the terminal.

    Shows the last messages, then what comes and what becomes of what you write: stored,
    delivered, seen. After a lost connection it comes back and shows what was missed. Lines may
    also come from a pipe; it ends when they end.

    Lines that begin with / are commands, as /offer 120.50 EUR Repair the tap: all that two
    people can do with a deal. /help lists them.

    \b
    Examples:
      parley chat --as alice --with bob
      echo "Hello" | parley chat --as alice --with bob --subject "Kitchen tap"
      parley chat --as alice --with bob --url wss://example.org/ws --token "$TOKEN"
    """
    if tokens.check_user(me) == tokens.check_user(peer):
        raise CommandError("--as and --with are the same person", 2)
    folder = DataFolder.at(data)

    def mint() -> str:
        return tokens.mint(folder, me, TOKEN_LIFETIME)

    talk = ChatOptions(
        me=me,
        peer=peer,
        subject=subject,
        url=url or folder.read_url(),
        token=token or mint(),
        mint=None if token else mint,
    )

    async def converse() -> None:
        talking = asyncio.create_task(Chat(talk, Screen(me)).run(sys.stdin.fileno()))
        # The loop's own handler wakes the loop. That of asyncio.run does not, so that a Ctrl-C that
        # comes just before the loop begins to wait would go unnoticed until the next packet.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, talking.cancel)
        try:
            await talking
        except asyncio.CancelledError:
            say("")  # Leaving by Ctrl-C is the usual way out of a chat, and no failure.

    asyncio.run(converse())


@application.command()
def migrate(data: Data = DEFAULT_DATA, log_level: Level = LogLevel.INFO) -> None:
    """Bring a data folder's databases up to date.

    `parley up` does this by itself. It is refused while the folder is being served.

    \b
    Examples:
      parley migrate
      parley migrate --data /var/lib/parley
    """
    folder = DataFolder.at(data)
    with folder.locked():
        folder.prepare()
        asyncio.run(migrate_database(folder, log_level.value))
    for name in SERVICES:
        say(f"{folder.database(name)} is up to date")


def main() -> None:
    """The console script: runs a command; expected failures are one message and an exit code."""
    try:
        application()
    except CommandError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main()
