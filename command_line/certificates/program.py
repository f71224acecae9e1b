"""The command `certificates`: an authority, and a certificate for each part, in one folder."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from command_line.certificates.authority import Authority, Pair, make_authority
from command_line.display.console import CommandError, say
from command_line.folder.data_folder import write_private
from service_kit.authentication.callers import Caller
from service_kit.tls.files import names_of

# Those that are called, each under the name that it has in compose.
SERVERS = (Caller.MESSAGING, Caller.NEGOTIATION, Caller.MODERATION)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_AUTHORITY = "ca"
_DEFAULT_DOMAIN = "parley.internal"
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+")

Days = Annotated[
    float, typer.Option(min=0.01, max=825, help="For how many days the certificates are good.")
]
AuthorityDays = Annotated[
    float, typer.Option(min=1, max=7300, help="For how many days a new authority is good.")
]


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of the files; made if it is missing.")
    ],
    days: Days = 90,
    domain: Annotated[
        str | None,
        typer.Option(
            help="The trust domain in the names of the parts; without it that of those which are "
            f"there, or {_DEFAULT_DOMAIN}."
        ),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SERVICE=]NAME",
            help="A host or an address under which a service is called, or all of them; may be "
            "repeated. Its own name and the loopback are always in its certificate.",
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Another server to make a certificate for, such as nats."
        ),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make all certificates anew, for the same hosts.")
    ] = False,
    authority_days: AuthorityDays = 3650,
    replace_authority: Annotated[
        bool,
        typer.Option(
            "--replace-authority",
            help="Make another authority, which is believed beside the present one; --renew has it "
            "sign all certificates.",
        ),
    ] = False,
    forget_authority: Annotated[
        bool,
        typer.Option(
            "--forget-authority", help="Believe the authority before no more: the last step."
        ),
    ] = False,
) -> None:
    """Make an authority and a certificate for each part, by which they know one another.

    Makes what is missing and writes over nothing. All files are for their owner alone:
    DIR/ca_certificate goes to every part, DIR/<part>_certificate and DIR/<part>_key to that part,
    and DIR/ca_key to none: keep it elsewhere. Parts read their files anew when these change, so
    that a renewal needs no restart; do it at least a month before they expire.

    \b
    Another authority, each step once all parts have the files of the one before:
      parley certificates DIR --replace-authority
      parley certificates DIR --renew
      parley certificates DIR --forget-authority

    \b
    Examples:
      parley certificates secrets
      parley certificates secrets --host messaging=messaging.example.org --host 10.0.0.5
      parley certificates secrets --renew
    """
    if sum((renew, replace_authority, forget_authority)) > 1:
        raise CommandError("--renew, --replace-authority and --forget-authority are steps", 2)
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise CommandError(f"the trust domain {domain!r} is no name like {_DEFAULT_DOMAIN}", 2)
    extra = [_checked_name(name) for name in also or ()]
    hosts = _read_hosts(host or (), extra)
    files = Files(folder)
    try:
        domain = domain or files.domain()
        if replace_authority or forget_authority:
            files.change_authority(domain, authority_days, forget=forget_authority)
            return
        made = files.make_authority(domain, authority_days)
        authority = files.read_authority()
        names = [*Caller, *extra]
        if renew:
            names += [name for name in files.leaves() if name not in names]
        for name in names:
            given = hosts.get(name, []) if name in {*SERVERS, *extra} else None
            made += files.make_leaf(authority, name, domain, given, days, renew=renew)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot make certificates in {folder}: {error}", 2) from error
    if not made:
        say(f"{folder} has all of them already; --renew makes them anew.")
        return
    for path in made:
        say(f"made {path}")
    if renew:
        say("give each part its own; it reads them anew by itself.")
    else:
        _explain(folder, domain)


class Files:
    """The files of a folder, by their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _pair(self, name: str) -> tuple[Path, Path]:
        return self._folder / f"{name}_certificate", self._folder / f"{name}_key"

    def _write(self, name: str, pair: Pair) -> list[Path]:
        certificate, key = self._pair(name)
        _write(key, pair.key)
        _write(certificate, pair.certificate)
        return [certificate, key]

    def leaves(self) -> list[str]:
        """The names of those that have a certificate here."""
        found = (path.name.removesuffix("_key") for path in self._folder.glob("*_key"))
        return sorted(name for name in found if name != _AUTHORITY)

    def domain(self) -> str:
        """The trust domain of the certificates that are here."""
        certificate, _ = self._pair(Caller.EDGE)
        if not certificate.exists():
            return _DEFAULT_DOMAIN
        uri, _ = _said_by(certificate, "", None)
        return uri.removeprefix("spiffe://").partition("/")[0] or _DEFAULT_DOMAIN

    def make_authority(self, domain: str, days: float) -> list[Path]:
        """Make an authority unless there is one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [path.exists() for path in self._pair(_AUTHORITY)]
        if all(there):
            return []
        if any(there):
            missing = self._pair(_AUTHORITY)[there.index(False)]
            raise ValueError(f"{missing.name} is missing, and nothing is signed without it")
        return self._write(_AUTHORITY, make_authority(domain, days))

    def read_authority(self) -> Authority:
        """The authority whose key is here."""
        certificate, key = self._pair(_AUTHORITY)
        return Authority(certificate.read_bytes(), key.read_bytes())

    def change_authority(self, domain: str, days: float, *, forget: bool) -> None:
        """Believe another authority beside the one that is here, or that one alone."""
        certificate, _ = self._pair(_AUTHORITY)
        authority = self.read_authority()
        believed = certificate.read_bytes()
        one = authority.certificate.public_bytes(encoding=_PEM)
        if forget:
            for name in self.leaves():
                leaf = x509.load_pem_x509_certificate(self._pair(name)[0].read_bytes())
                if leaf.issuer != authority.certificate.subject:
                    raise ValueError(f"the certificate of {name} is of the one before: --renew")
            _write(certificate, one)
            say(f"{certificate} holds the present authority alone.")
            return
        if believed.strip() != one.strip():
            raise ValueError("there are two authorities already; --forget-authority comes first")
        made = make_authority(domain, days)
        self._write(_AUTHORITY, Pair(made.certificate + one, made.key))
        say(f"{certificate} holds the authority before and a new one: give it to all parts, then")
        say(f"  parley certificates {self._folder} --renew")

    def make_leaf(
        self,
        authority: Authority,
        name: str,
        domain: str,
        hosts: Sequence[str] | None,
        days: float,
        *,
        renew: bool,
    ) -> list[Path]:
        """Make a certificate unless there is one, or anew for whom it is; `hosts` if it serves."""
        certificate, key = self._pair(name)
        uri = f"spiffe://{domain}/parley/{name}"
        if certificate.exists() or key.exists():
            if not renew:
                return []
            uri, hosts = _said_by(certificate, uri, hosts)
        elif hosts is not None:
            hosts = [name, *LOOPBACK, *hosts]
        signed = authority.sign(uri, hosts or (), days, serves=hosts is not None)
        return self._write(name, signed)


_PEM = Encoding.PEM


def _write(path: Path, pem: bytes) -> None:
    """Write a file for its owner alone. One that is there keeps its owner, its mode and its place,
    for containers into which it is mounted see no other; parts read half of it as bad, and again.
    """
    if not path.exists():
        write_private(path, pem.decode())
        return
    with path.open("wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _said_by(file: Path, uri: str, hosts: Sequence[str] | None) -> tuple[str, Sequence[str] | None]:
    """The name and the hosts of a certificate that is there, with further ones."""
    present = x509.load_pem_x509_certificate(file.read_bytes())
    value = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = next(iter(value.get_values_for_type(x509.UniformResourceIdentifier)), uri)
    kept = names_of(present)
    if not kept and hosts is None:
        return uri, None
    return uri, [*dict.fromkeys([*kept, *(hosts or ())])]


def _checked_name(name: str) -> str:
    if not re.fullmatch(_LABEL, name) or name == _AUTHORITY:
        raise CommandError(f"--also {name!r}: a name has small letters, digits and hyphens", 2)
    return name


def _read_hosts(items: Sequence[str], extra: Sequence[str]) -> dict[str, list[str]]:
    """The further hosts of each server."""
    found: dict[str, list[str]] = {name: [] for name in (*SERVERS, *extra)}
    for item in items:
        name, equals, host = item.rpartition("=")
        if equals and name not in found:
            raise CommandError(f"--host {item}: there are {', '.join(found)}", 2)
        if not _HOST.fullmatch(host):
            raise CommandError(f"--host {item}: {host!r} is no host and no address", 2)
        for one in [name] if equals else found:
            found[one].append(host)
    return found


def _explain(folder: Path, domain: str) -> None:
    """Say which file goes where, and by which settings."""
    say("")
    say("each service, with PARLEY_<SERVICE>_ before each name:")
    say(
        f"  TLS_CERTIFICATE_FILE={folder}/<service>_certificate TLS_KEY_FILE={folder}/<service>_key"
    )
    say(f"  TLS_CA_FILE={folder}/ca_certificate TLS_CLIENT_CA_FILE={folder}/ca_certificate")
    say(f"  CALLERS_KNOWN_BY=both TLS_ALLOWED_PEERS=spiffe://{domain}/parley/*")
    say("the edge and the desk, with PARLEY_EDGE_ and PARLEY_DESK_:")
    say(f"  TLS_CERTIFICATE_FILE={folder}/<part>_certificate TLS_KEY_FILE={folder}/<part>_key")
    say(f"  TLS_CA_FILE={folder}/ca_certificate")
    say("whoever works with the command line: operator_certificate, operator_key, ca_certificate")
    say("the marketplace's own services: backend_certificate, backend_key, ca_certificate")
    say("ca_key goes nowhere: with it anybody is any part.")
