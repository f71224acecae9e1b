"""The `parley` program: its commands, their options and exit codes."""

import asyncio
import os
import shlex
import signal
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from command_line.certificates.program import command as certificates
from command_line.chat import appeal
from command_line.chat.chat import Chat
from command_line.chat.connection import ChatOptions
from command_line.demo import conversation
from command_line.demo.transcript import heading
from command_line.display.console import CommandError, complain, say
from command_line.display.screen import Screen
from command_line.display.timestamps import parse_duration, parse_moment, utc_now
from command_line.doctor import command as doctor
from command_line.folder import tokens
from command_line.folder.data_folder import DataFolder
from command_line.moderation.client import ModerationClient, Moderator
from command_line.moderation.program import application as moderation
from command_line.moderation.service import ServiceOptions, find_service
from command_line.moderation.sessions import application as sessions
from command_line.serve.credentials import application as credentials
from command_line.serve.parts import SERVICES, Address, DeskAddress
from command_line.serve.probes import free_port, port_is_free
from command_line.serve.serving import migrate as migrate_database
from command_line.serve.serving import serve

DEFAULT_PORT = 8080
DEFAULT_DATA = Path(".data/parley")
TOKEN_LIFETIME = timedelta(hours=1)
# Of the tokens in links: an evening, and more.
LINK_LIFETIME = timedelta(hours=12)
DESK_PORT = 8090
_BUILT = Path(__file__).resolve().parents[1] / "web" / "dist"
WEB_APP, DESK_APP = _BUILT / "people", _BUILT / "desk"


class LogLevel(StrEnum):
    """Log levels of the parts."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Parley, a real-time backend for a marketplace of services: serve it, and use it.",
    epilog="Begin with: parley demo",
)

Data = Annotated[Path, typer.Option(help="The data folder: databases, secrets, logs.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Level = Annotated[LogLevel, typer.Option(help="The log level of edge and services.")]


def find_web_app() -> Path | None:
    """The folder of the built web app; without one says what is missing, and gives None."""
    if (WEB_APP / "index.html").is_file():
        return WEB_APP
    say(f"the web app is not built, so there is none: {WEB_APP} is missing.")
    say("  `make web` builds it, which needs npm's packages (`make setup`). All else works.")
    return None


def find_desk() -> DeskAddress | None:
    """Where the desk is to be, on a free port; None where its app is not built."""
    if not (DESK_APP / "index.html").is_file():
        return None
    host = DeskAddress.host
    port = DESK_PORT if port_is_free(host, DESK_PORT) else free_port(host)
    return DeskAddress(port, DESK_APP)


def announce(folder: DataFolder, address: Address, subject: str = "") -> None:
    """Prints where the edge listens and how to connect, with links that sign in to the web app and,
    as a moderator, to the desk.
    """
    data = f"--data {shlex.quote(str(folder.path))}"
    about = f" --subject {shlex.quote(subject)}" if subject else ""
    program = sys.argv[0] if sys.argv[0].endswith("/parley") else "parley"
    say(heading("ready"))
    say(f"  socket   {address.socket_url}")
    say(f"  health   http://{address.authority}/readyz")
    say(f"  token    {program} token alice {data}")
    say(f"  chat     {program} chat --as alice --with bob{about} {data}")
    say(f"           {program} chat --as bob --with alice{about} {data}")
    if address.web_app is not None:
        for user in ("alice", "bob"):
            token = tokens.mint(folder, user, LINK_LIFETIME)
            say(f"  {user:<8} {address.web_app_url}#token={token}")
    if address.desk is not None:
        token = tokens.mint(folder, "mia", LINK_LIFETIME, ["moderator"])
        say(f"  {'mia':<8} {address.desk.url}#token={token}")
    say(f"  logs     {folder.log('edge')}")
    for name in (*SERVICES, *([] if address.desk is None else ["desk"])):
        say(f"           {folder.log(name)}")
    say("  Ctrl-C stops everything.")


@application.command()
def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")
    ] = DEFAULT_PORT,
    data: Data = DEFAULT_DATA,
    host: Host = "127.0.0.1",
    web: Annotated[
        bool,
        typer.Option(
            "--web", help="Serve the web app and the desk too, and print links that sign in."
        ),
    ] = False,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Serve until Ctrl-C, with all data in one folder.

    The first start makes the folder and its secrets. The databases are migrated, and the services
    and the edge run as processes that are restarted when they die. SIGINT and SIGTERM stop them
    in order, the edge first, with exit code 0; a second Ctrl-C kills them at once. Settings of the
    parts (PARLEY_EDGE_..., PARLEY_MESSAGING_..., PARLEY_NEGOTIATION_..., PARLEY_MODERATION_...,
    PARLEY_DESK_...) are taken from the environment.

    \b
    Examples:
      parley up
      parley up --web
      parley up --port 9000 --data /var/lib/parley
    """
    folder = DataFolder.at(data)
    app, desk = (find_web_app(), find_desk()) if web else (None, None)
    address = Address(host, port or free_port(host), app, desk)

    async def stay() -> None:
        announce(folder, address)
        await asyncio.Event().wait()

    asyncio.run(serve(folder, address, log_level.value, stay))


@application.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="The data folder; by default a new one below .data.")
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
    once: Annotated[bool, typer.Option("--once", help="Stop when the demo is over.")] = False,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Show a conversation, a deal, a report and a dispute, packet by packet.

    Serves a new folder as `parley up` does. Then alice and bob connect and write, and one of them
    loses the connection and resumes. They negotiate about a service, which is delivered, completed
    and rated. A message is reported, decided by moderators and appealed; another service is
    disputed and settled. Each step is checked: exit code 1 when one fails. Afterwards it goes on
    serving, so that you can join in: in the terminal, or in a browser by the links that it prints
    where the web app is built.

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
    app, desk = (None, None) if once else (find_web_app(), find_desk())
    address = Address(host, port or free_port(host), app, desk)

    def mint(user: str) -> str:
        return tokens.mint(folder, user, TOKEN_LIFETIME)

    def moderate(name: str) -> ModerationClient:
        token = tokens.mint(folder, name, TOKEN_LIFETIME, ["moderator"])
        moderator = Moderator(name, token)
        return ModerationClient(find_service(folder, ServiceOptions()), moderator)

    async def run() -> None:
        await conversation.run(address.socket_url, mint, moderate, say)
        say("\nThe demo is over; every step came as expected.")
        if not once:
            announce(folder, address, subject="Kitchen tap")
            await asyncio.Event().wait()

    asyncio.run(serve(folder, address, log_level.value, run))


@application.command()
def token(
    user: Annotated[str, typer.Argument(metavar="USER", help="The subject of the token.")],
    data: Data = DEFAULT_DATA,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="A role of this user; may be repeated.")
    ] = None,
    expires_in: Annotated[
        str, typer.Option(metavar="TIME", help="How long it is valid: 30s, 15m, 1h, 7d.")
    ] = "1h",
    invisible: Annotated[
        bool, typer.Option("--invisible", help="The user is not shown as online.")
    ] = False,
    token_id: Annotated[
        str | None,
        typer.Option(metavar="JTI", help="Its id, by which `parley sessions end` can name it."),
    ] = None,
    issued_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it says that it was issued (2026-12-01T09:00Z), or so long ago (15m); "
            "without it, now.",
        ),
    ] = None,
) -> None:
    """Print a token (JWT) for a user, and nothing else.

    It is signed with the secret of the data folder, which the first `parley up` makes.

    \b
    Examples:
      parley token alice
      parley token carol --role moderator --expires-in 15m --data /var/lib/parley
      parley token alice --token-id 3f0c7a52
    """
    lifetime = parse_duration(expires_in)
    issued = None if issued_at is None else parse_moment(issued_at, utc_now())
    folder = DataFolder.at(data)
    print(
        tokens.mint(
            folder,
            user,
            lifetime,
            role or (),
            invisible=invisible,
            token_id=token_id,
            issued_at=issued,
        )
    )


@application.command()
def chat(
    me: Annotated[str, typer.Option("--as", metavar="USER", help="Your user name.")],
    peer: Annotated[str, typer.Option("--with", metavar="USER", help="The user you talk with.")],
    data: Data = DEFAULT_DATA,
    url: Annotated[
        str | None,
        typer.Option(help="The server's address; by default that of `parley up`."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="The subject; two users have a conversation for each.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="Your token, for a server whose secret is not in the data folder."),
    ] = None,
) -> None:
    """Chat with another user from the terminal.

    Shows the last messages, then new ones, and whether yours are stored, delivered and seen. After
    a lost connection it reconnects and shows what was missed. Lines may also come from a pipe; the
    chat ends when they end.

    Lines that begin with / are commands about deals, reports and disputes, as
    /offer 120.50 EUR Repair the tap. /help lists them.

    \b
    Examples:
      parley chat --as alice --with bob
      echo "Hello" | parley chat --as alice --with bob --subject "Kitchen tap"
      parley chat --as alice --with bob --url wss://example.org/ws --token "$TOKEN"
    """
    me, peer = tokens.check_user(me), tokens.check_user(peer)
    if me == peer:
        raise CommandError("--as and --with are the same person", 2)
    folder = DataFolder.at(data)

    def mint() -> str:
        return tokens.mint(folder, me, TOKEN_LIFETIME)

    options = ChatOptions(
        me=me,
        peer=peer,
        subject=subject,
        url=url or folder.read_url(),
        token=token or mint(),
        mint=None if token else mint,
    )

    async def converse() -> None:
        chatting = asyncio.create_task(Chat(options, Screen(me)).run(sys.stdin.fileno()))
        # The loop's own handler wakes the loop. That of asyncio.run does not, so that a Ctrl-C that
        # comes just before the loop begins to wait would go unnoticed until the next packet.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, chatting.cancel)
        try:
            await chatting
        except asyncio.CancelledError:
            say("")  # Leaving by Ctrl-C is the usual way out of a chat, and no failure.

    asyncio.run(converse())


@application.command()
def migrate(data: Data = DEFAULT_DATA, log_level: Level = LogLevel.INFO) -> None:
    """Migrate the databases of a data folder to this version.

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


application.command("appeal")(appeal.command)
application.command("doctor")(doctor.command)
application.add_typer(moderation, name="mod")
application.add_typer(sessions, name="sessions")
application.add_typer(credentials, name="credentials")
application.command("certificates")(certificates)


def main() -> None:
    """Runs a command; expected failures are printed as one message, with an exit code."""
    # Whatever is written holds what people say, or secrets. The parts that are started inherit it.
    os.umask(0o077)
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
