"""Settings: those of each part, what no part knows, and what does not go together."""

import shlex
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic_core import PydanticUndefined

from command_line.doctor.deployment import SETTINGS, Deployment, Part, prefix_of, variable
from command_line.doctor.findings import Finding, Findings
from command_line.doctor.kinds import Kind
from command_line.serve.parts import WILDCARDS
from service_kit.watch.watcher import LONGEST_SILENCE
from service_kit.web.origins import as_browsers_write

# Of the command line and of what starts the parts, beside the settings.
_OTHER_VARIABLES = frozenset({"PARLEY_TOKEN"})
_KNOWN = frozenset(
    variable(part, name) for part, settings in SETTINGS.items() for name in settings.model_fields
)


async def check_settings(deployment: Deployment) -> Findings:
    """Look at the settings alone, whether anything runs or not."""
    if not deployment.parts and deployment.folder is None:
        yield Finding(
            Kind.NOTHING_DESCRIBED,
            deployment.title,
            "there is no setting of any part, so there is nothing to look at",
            ("parley up", "parley doctor --env-file FILE"),
        )
    for looked in (
        folder(deployment),
        unusable(deployment),
        unknown(deployment),
        shared(deployment),
        disagreeing(deployment),
        origins(deployment),
    ):
        for finding in looked:
            yield finding


def folder(deployment: Deployment) -> Iterator[Finding]:
    """The data folder that nobody made, or that nobody serves."""
    if deployment.folder is None:
        return
    path = deployment.folder.path
    serve = f"parley up --data {shlex.quote(str(path))}"
    if not path.is_dir():
        yield Finding(Kind.DATA_FOLDER_MISSING, str(path), "there is no such folder", (serve,))
    elif deployment.unreadable:
        seen = f"{deployment.folder.address} cannot be read: {deployment.unreadable}"
        yield Finding(Kind.FILE_UNREADABLE, str(deployment.folder.address), seen, (serve,))
    elif deployment.served is None:
        yield Finding(Kind.NOTHING_SERVES, str(path), "no process says that it serves it", (serve,))


def unusable(deployment: Deployment) -> Iterator[Finding]:
    """The settings with which parts refuse to start."""
    for part in deployment.parts.values():
        for problem in part.problems:
            if problem.setting:
                name = variable(part.name, problem.setting)
                cure = _mended(deployment, part, problem.setting)
                yield Finding(Kind.SETTING_UNUSABLE, name, problem.says, (cure,))
            else:
                cures = _contradicting(deployment, part, problem.says)
                yield Finding(Kind.SETTINGS_CONTRADICT, part.name, problem.says, cures)


def _contradicting(deployment: Deployment, part: Part, says: str) -> tuple[str, ...]:
    """The commands that take away the settings that a problem names, of which any may be right."""
    given = {name.upper() for name in deployment.environment}
    named = [
        variable(part.name, setting)
        for setting in SETTINGS[part.name].model_fields
        if setting.upper() in says
    ]
    cures = tuple(deployment.unsetting(name) for name in named if name in given)
    return cures or (f"# look at the settings {', '.join(named) or prefix_of(part.name)}",)


def _mended(deployment: Deployment, part: Part, setting: str) -> str:
    """The command that gives a setting its default, or a value that its name asks for."""
    name = variable(part.name, setting)
    field = SETTINGS[part.name].model_fields.get(setting)
    if field is None:
        return deployment.unsetting(name)
    if field.default is None or field.default == ():
        return deployment.unsetting(name)
    if field.default is not PydanticUndefined:
        return deployment.setting(name, field.default)
    example = {
        "database_url": f"postgresql+psycopg://parley@HOST/{part.name}",
        "credential_file": f"secrets/{part.name}_credential",
        "credentials_file": f"secrets/{part.name}_accepted",
    }
    ending = next((one for one in example if setting.endswith(one)), "")
    return deployment.setting(name, example.get(ending, "VALUE"))


def unknown(deployment: Deployment) -> Iterator[Finding]:
    """The variables that no part knows, each with the one that was meant, if it is near."""
    for name, value in deployment.environment.items():
        upper = name.upper()
        if not upper.startswith("PARLEY_") or upper in _KNOWN | _OTHER_VARIABLES:
            continue
        near = get_close_matches(upper, _KNOWN, n=1, cutoff=0.8)
        cure = [deployment.unsetting(name)]
        meant = ""
        if near:
            meant = f"; {near[0]} may be meant"
            cure.insert(0, deployment.setting(near[0], value))
        yield Finding(Kind.VARIABLE_UNKNOWN, name, f"no part knows {name}{meant}", tuple(cure))


def shared(deployment: Deployment) -> Iterator[Finding]:
    """Addresses and databases that two parts are to have."""
    listening: dict[tuple[str, str], str] = {}
    databases: dict[str, Part] = {}
    taken = {port for part in deployment.usable for _, _, port in _addresses(part)}
    for part in deployment.usable:
        for setting, host, port in _addresses(part):
            key = (host, port)
            name = variable(part.name, setting)
            if port == "0" or host in WILDCARDS:
                # All addresses are those of a container, of which each part has one.
                continue
            if key in listening:
                yield Finding(
                    Kind.LISTENING_TWICE,
                    name,
                    f"{host}:{port} is also that of {listening[key]}",
                    (deployment.setting(name, _another(setting, host, port, taken)),),
                )
            listening.setdefault(key, name)
        if not part.is_service:
            continue
        url = part.settings.database_url
        if url in databases:
            name = variable(part.name, "database_url")
            yield Finding(
                Kind.DATABASE_SHARED,
                name,
                f"it is the database of {databases[url].name} as well",
                (
                    f"createdb --template=template0 --encoding=UTF8 {part.name}",
                    deployment.setting(name, _beside(url, part.name)),
                ),
            )
        databases.setdefault(url, part)


def _addresses(part: Part) -> Iterator[tuple[str, str, str]]:
    """The settings by which a part listens, each with host and port."""
    settings = part.settings
    if part.is_service:
        host, _, port = settings.listen.rpartition(":")
        yield "listen", host.strip("[]"), port
    else:
        yield "port", settings.host, str(settings.port)
    if getattr(settings, "metrics_port", 0):
        yield "metrics_port", settings.metrics_host, str(settings.metrics_port)


def _another(setting: str, host: str, port: str, taken: set[str]) -> str:
    """An address that no part is to listen on."""
    ports = (str(number) for number in (*range(int(port), 65_536), *range(1024, int(port))))
    other = next(one for one in ports if one not in taken)
    if setting != "listen":
        return other
    return f"[{host}]:{other}" if ":" in host else f"{host}:{other}"


def _beside(url: str, name: str) -> str:
    """The address of another database of the same server, or in the same folder."""
    head, _, rest = url.rpartition("/")
    _, query, options = rest.partition("?")
    ending = ".sqlite3" if url.startswith("sqlite") else ""
    return f"{head}/{name}{ending}{query}{options}"


def disagreeing(deployment: Deployment) -> Iterator[Finding]:
    """Settings of two parts that do not go together."""
    usable = {part.name: part.settings for part in deployment.usable}
    edge = usable.get("edge")
    for service in deployment.services:
        settings = service.settings
        yield from _missing_targets(deployment, service, usable)
        for other in ("edge", "desk"):
            if (
                other not in usable
                or getattr(usable[other], f"{service.name}_target", None) is None
            ):
                continue
            silence = usable[other].watch_timeout_seconds
            longest = settings.watch_progress_seconds * LONGEST_SILENCE
            if longest >= silence:
                yield _disagree(
                    deployment,
                    variable(service.name, "watch_progress_seconds"),
                    settings.watch_progress_seconds,
                    f"so a Watch may be silent for {longest:g} s, which is not below"
                    f" {variable(other, 'watch_timeout_seconds')}, {silence:g}: each that has"
                    " nothing to tell is opened anew again and again",
                    silence / 5,
                )
        if edge is None:
            continue
        if edge.batch_items > settings.max_batch:
            yield Finding(
                Kind.SETTINGS_CONTRADICT,
                variable("edge", "batch_items"),
                f"it is {edge.batch_items}, more than {variable(service.name, 'max_batch')},"
                f" {settings.max_batch}, takes: full batches are refused",
                (deployment.setting(variable("edge", "batch_items"), settings.max_batch),),
            )
        for asked in ("messaging", "negotiation"):
            seconds = getattr(settings, f"{asked}_timeout_seconds", None)
            if seconds is not None and seconds >= edge.call_timeout_seconds:
                yield _disagree(
                    deployment,
                    variable(service.name, f"{asked}_timeout_seconds"),
                    seconds,
                    f"not below {variable('edge', 'call_timeout_seconds')},"
                    f" {edge.call_timeout_seconds:g}: who asks is told that it was too late, and"
                    " not why",
                    edge.call_timeout_seconds / 2,
                )
    if edge is None:
        return
    if edge.pong_timeout_seconds <= edge.ping_interval_seconds:
        yield Finding(
            Kind.SETTINGS_CONTRADICT,
            variable("edge", "pong_timeout_seconds"),
            f"it is {edge.pong_timeout_seconds:g} s, and PINGs come every"
            f" {edge.ping_interval_seconds:g} s: sockets that only listen are closed",
            (
                deployment.setting(
                    variable("edge", "pong_timeout_seconds"), 6 * edge.ping_interval_seconds
                ),
            ),
        )
    if edge.bytes_per_user <= edge.outbox_bytes:
        yield _disagree(
            deployment,
            variable("edge", "bytes_per_user"),
            edge.bytes_per_user,
            f"not above {variable('edge', 'outbox_bytes')}, {edge.outbox_bytes}: one slow reader"
            " has all that a person may have",
            4 * edge.outbox_bytes,
        )


def _missing_targets(
    deployment: Deployment, service: Part, usable: dict[str, Any]
) -> Iterator[Finding]:
    """The parts that were not told of a service that is deployed."""
    for other, settings in usable.items():
        setting = f"{service.name}_target"
        if hasattr(settings, setting) and getattr(settings, setting) is None:
            cure = [deployment.setting(variable(other, setting), _reachable(service))]
            file = f"{service.name}_credential_file"
            if hasattr(settings, file) and getattr(settings, file) is None:
                cure.append(
                    deployment.setting(variable(other, file), f"secrets/{other}_credential")
                )
            yield Finding(
                Kind.TARGET_MISSING,
                variable(other, setting),
                f"{service.name} is deployed, and {other} does without it",
                tuple(cure),
            )


def _reachable(service: Part) -> str:
    host, _, port = service.settings.listen.rpartition(":")
    return f"{WILDCARDS.get(host, host)}:{port}"


def _disagree(deployment: Deployment, name: str, value: float, says: str, better: float) -> Finding:
    return Finding(
        Kind.SETTINGS_DISAGREE,
        name,
        f"it is {_plain(value)}, {says}",
        (deployment.setting(name, _plain(better)),),
    )


def _plain(value: float) -> str:
    """A number as settings take it."""
    return str(int(value)) if value == int(value) else str(value)


def origins(deployment: Deployment) -> Iterator[Finding]:
    """Allowed origins that let nobody in, for no browser writes them so."""
    for part, setting in (("edge", "allowed_origins"), ("desk", "origins")):
        settings = deployment.parts[part].settings if part in deployment.parts else None
        for origin in getattr(settings, setting, ()):
            if origin in {"null", "file://"} and part == "edge":
                continue
            written = as_browsers_write(origin)
            if written == origin:
                continue
            meant = [
                (written or "https://app.example.com") if one == origin else one
                for one in getattr(settings, setting)
            ]
            yield Finding(
                Kind.ORIGIN_UNUSABLE,
                variable(part, setting),
                f"{shlex.quote(origin)} is no origin as a browser sends it"
                + (f", which is {written}" if written else ""),
                (deployment.setting(variable(part, setting), ",".join(meant)),),
            )
