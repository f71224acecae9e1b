"""Where the moderation service is, and by what it knows us: the data folder's, or another one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer

from command_line.display.console import CommandError
from command_line.folder.data_folder import DataFolder
from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import Metadata, present, read_credential
from service_kit.tls.diagnosis import Shown, problem_of_connection
from service_kit.tls.files import read_authorities, read_identity

Target = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The moderation service, if not the data folder's."),
]
CredentialFile = Annotated[
    Path | None, typer.Option(help="The file with the operators' credential, with --target.")
]
CaFile = Annotated[
    Path | None,
    typer.Option(help="The authorities that sign the certificate of --target, which speaks TLS."),
]
CertificateFile = Annotated[
    Path | None, typer.Option(help="The operators' certificate, with --key-file and --ca-file.")
]
KeyFile = Annotated[Path | None, typer.Option(help="The key of the operators' certificate.")]
ServerName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The name in the certificate of --target, if another."),
]


@dataclass(frozen=True)
class Service:
    """A service to call: its address, the metadata by which it knows us, and its TLS if it has."""

    target: str
    metadata: Metadata
    credentials: grpc.ChannelCredentials | None = None
    name: str | None = None

    def open(self, options: tuple[tuple[str, int], ...]) -> grpc.Channel:
        """A channel to it; it connects with the first call."""
        if self.credentials is None:
            return grpc.insecure_channel(self.target, options=options)
        named = [("grpc.ssl_target_name_override", self.name)] if self.name else []
        return grpc.secure_channel(self.target, self.credentials, options=[*options, *named])


@dataclass(frozen=True)
class ServiceOptions:
    """The options that say which service."""

    target: str | None = None
    credential_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None


def find_service(folder: DataFolder, options: ServiceOptions) -> Service:
    """The service of the options, or that of the folder; CommandError for what does not fit."""
    shown = options.certificate_file is not None
    if (options.target is None) == (options.credential_file is not None or shown):
        raise CommandError("--target goes with --credential-file, --certificate-file or both", 2)
    if shown != (options.key_file is not None):
        raise CommandError("--certificate-file and --key-file go together", 2)
    if options.ca_file is None and (shown or options.server_name is not None):
        raise CommandError("a certificate or a name is of no use without --ca-file", 2)
    if options.ca_file is not None and options.target is None:
        raise CommandError("--ca-file goes with --target", 2)
    try:
        if options.target is None:
            target = folder.read_target("moderation")
            credential = read_credential(folder.credential(Caller.OPERATOR))
            return Service(target, present(credential))
        return _other(options, options.target)
    except ValueError as error:
        raise CommandError(str(error), 2) from error


def _other(options: ServiceOptions, target: str) -> Service:
    metadata: Metadata = ()
    if options.credential_file is not None:
        metadata = present(read_credential(options.credential_file))
    credentials = found = None
    if options.ca_file is not None:
        authorities, key, chain = read_authorities(options.ca_file), None, None
        if options.certificate_file is not None and options.key_file is not None:
            own = read_identity(options.certificate_file, options.key_file, calls=True)
            key, chain = own.key, own.chain
        credentials = grpc.ssl_channel_credentials(authorities.pem, key, chain)
        found = Shown(
            authorities.pem, options.server_name, options.certificate_file, options.key_file
        )
    # gRPC would try for a while, and say less.
    if problem := problem_of_connection(target, found):
        raise CommandError(f"{target} can not be called: {problem}", 2)
    return Service(target, metadata, credentials, options.server_name)
