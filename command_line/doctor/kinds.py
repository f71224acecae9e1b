"""The kinds of findings: the one table of what the doctor can find, and what each means.

docs/operations.md shows it. The names are for scripts, and do not change.
"""

from enum import Enum, StrEnum


class Severity(StrEnum):
    """How bad it is: a warning works for now, an error does not, or will lose something."""

    WARNING = "warning"
    ERROR = "error"


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


class Kind(Enum):
    """The kinds, in the order of the checks that find them: severity, and what it means."""

    # The doctor itself.
    CHECK_FAILED = _ERROR, "a check of the doctor itself ended with a defect, and found no more"
    CHECK_TIMED_OUT = _ERROR, "a check did not end in its time: something that it asked hangs"
    NOTHING_DESCRIBED = _ERROR, "there is neither a data folder nor a setting of any part"
    DATA_FOLDER_MISSING = _ERROR, "there is no such data folder"
    NOTHING_SERVES = _WARNING, "nothing serves the data folder now, so half of the checks are idle"

    # Settings.
    SETTING_UNUSABLE = _ERROR, "a part refuses to start with a setting, or without it"
    VARIABLE_UNKNOWN = (
        _WARNING,
        "no part knows this variable, so it does nothing: a slip of the pen",
    )
    SETTINGS_CONTRADICT = _ERROR, "two settings contradict one another"
    SETTINGS_DISAGREE = _WARNING, "settings of two parts do not go together well"
    LISTENING_TWICE = _ERROR, "two parts are to listen on the same address of the same machine"
    DATABASE_SHARED = _ERROR, "two services are to have the same database"
    TARGET_MISSING = _WARNING, "others know a service that this part was not told of"
    ORIGIN_UNUSABLE = _ERROR, "an allowed origin is none that a browser would send"

    # Files.
    FILE_UNREADABLE = _ERROR, "a file that a setting names is not there, or cannot be read"
    SECRET_OPEN = _ERROR, "people of the machine who need not may read or change a secret"
    DATABASE_OPEN = _ERROR, "people of the machine may read or change what others wrote"
    FOLDER_OPEN = _ERROR, "people of the machine may put their own file in the place of a secret"
    OWNER_DIFFERS = _WARNING, "a file of the folder belongs to somebody else, such as root"

    # Credentials and tokens.
    CREDENTIAL_UNUSABLE = _ERROR, "a file with a credential does not hold one"
    ACCEPTED_UNUSABLE = _ERROR, "a file of accepted credentials cannot be used"
    CREDENTIAL_NOT_ACCEPTED = _ERROR, "a service does not accept the credential of who calls it"
    CERTIFICATE_UNUSABLE = _ERROR, "a certificate, its key or an authority cannot be used"
    TLS_DISAGREES = _ERROR, "a caller and a service would not speak TLS with one another"
    TOKEN_KEYS_UNUSABLE = _ERROR, "tokens cannot be verified with the keys that are named"
    TOKEN_KEYS_DIFFER = _ERROR, "two parts verify the same tokens by different keys"
    JWKS_UNREACHABLE = _ERROR, "the issuer's keys cannot be fetched"
    JWKS_WITHOUT_KEYS = _ERROR, "the issuer publishes no key that may verify a token"
    JWKS_KEYS_LEFT_OUT = _WARNING, "some of the issuer's keys cannot verify tokens"
    JWKS_PLAIN = _WARNING, "the issuer's keys come over plain HTTP: who is between may give others"
    JWKS_STALE = _WARNING, "an edge has not been able to fetch the issuer's keys for long"

    # Versions.
    PYTHON_UNSUPPORTED = _ERROR, "this Python is older than Parley runs on"
    CONTRACTS_UNUSABLE = _ERROR, "the generated contracts do not go with the installed protobuf"
    VERSIONS_DIFFER = _WARNING, "a part of another version runs, as during a rolling update"
    DATABASE_OLD = _WARNING, "this version of the database gets no mends any more, or is not tried"
    DATABASE_UNSUPPORTED = _ERROR, "this version of the database lacks what Parley needs"

    # Databases.
    DATABASE_UNREACHABLE = _ERROR, "a database cannot be connected to"
    DATABASE_REFUSES = _ERROR, "the database refuses the role, its password, or the database's name"
    DATABASE_MISSING = _ERROR, "the file of a database is not there"
    NOT_MIGRATED = _ERROR, "a database has no tables yet"
    MIGRATIONS_BEHIND = _ERROR, "a database is older than this program"
    MIGRATIONS_AHEAD = _ERROR, "a database is newer than this program"
    MIGRATIONS_HALF = _ERROR, "what a database says of its migrations is not what it holds"
    CLOCK_ROW_BROKEN = _ERROR, "the clock is not one row with an epoch and a revision"
    CLOCK_BEHIND_ROWS = _ERROR, "there are rows of later revisions than the clock says"
    POSITION_AHEAD = _ERROR, "a service has followed another one further than that has come"
    STANDBY = _ERROR, "the address leads to a standby, which takes no writes"
    READ_ONLY = _ERROR, "the database takes no writes"
    HOME_CHANGED = _WARNING, "a database was promoted, copied or put back since it was last served"
    FSYNC_OFF = _ERROR, "what is answered as stored is lost with the power"
    FULL_PAGE_WRITES_OFF = _ERROR, "a page that is half written at a loss of power stays broken"
    SYNCHRONOUS_COMMIT_OFF = _ERROR, "what is answered as stored is not on the disk yet"
    POOLER_OF_TRANSACTIONS = _ERROR, "a pooler gives one session of the server to several clients"
    CONNECTIONS_FEW = _WARNING, "the server, database or role has few connections left"
    CONNECTIONS_NONE = _ERROR, "the server, database or role takes no more connections"
    AUTOVACUUM_OFF = _WARNING, "nothing clears up dead rows"
    TRANSACTIONS_OLD = _WARNING, "autovacuum does not get on, and PostgreSQL stops in the end"
    TRANSACTION_HANGS = _WARNING, "a transaction has been open for long, and others may wait for it"
    ENCODING_UNUSABLE = _ERROR, "the database cannot hold every text, for it is not in UTF-8"
    PERMISSION_MISSING = _ERROR, "the role may not write the tables"
    SQLITE_DAMAGED = _ERROR, "the file of a database is damaged"
    SQLITE_LOG_LARGE = _WARNING, "SQLite's log is far above its limit: a reader holds it"
    NETWORK_FILE_SYSTEM = (
        _ERROR,
        "SQLite is on a file system of the network, whose locks do not hold",
    )
    MEMORY_FILE_SYSTEM = _WARNING, "a database is in memory, and gone with the power"

    # Who calls whom.
    TARGET_UNREACHABLE = _ERROR, "nothing answers at the address of a service"
    TARGET_TLS_FAILS = _ERROR, "a service is there, and no connection with it comes about by TLS"
    TARGET_NOT_SERVING = _ERROR, "a service says that it does not serve: it is stopping or starting"
    TARGET_OTHER_SERVICE = _ERROR, "another service answers at the address"
    TARGET_REFUSES = _ERROR, "a running service does not accept the credential of who calls it"
    TARGET_OTHER_CALLER = _ERROR, "a running service takes the credential for another caller's"
    EDGE_UNREACHABLE = _ERROR, "the edge does not answer"
    EDGE_NOT_READY = _ERROR, "the edge serves nobody"
    EDGE_DEAF = _ERROR, "what an edge writes to itself does not come back: it tells people nothing"
    EDGE_MISSES_SERVICE = _WARNING, "the edge does not reach a service, so its features fail"

    # Replicas, and how they hear one another.
    REPLICA_NOT_READY = _ERROR, "a replica of a service says that it is not ready"
    REPLICA_DEAF = _WARNING, "a replica hears nothing of others, and looks again and again instead"
    REPLICAS_APART = _ERROR, "replicas of a service do not serve the same database"
    NOTIFICATIONS_LOST = _ERROR, "notifications of PostgreSQL do not come: replicas are deaf"
    NATS_UNREACHABLE = _ERROR, "NATS cannot be reached: no service starts, and none hears others"
    NATS_REFUSES = _ERROR, "NATS refuses the user, the password or the token"
    NATS_DEAF = _ERROR, "NATS takes words and does not pass them on: replicas are deaf"
    NATS_PAYLOAD_SMALL = _WARNING, "NATS takes small messages alone, so most commits are read"

    # The public address, from where people come.
    URL_UNREACHABLE = _ERROR, "nothing answers at the public address"
    URL_NOT_THE_EDGE = _ERROR, "something else than an edge answers at the public address"
    CERTIFICATE_REFUSED = _ERROR, "browsers and apps refuse the certificate of the public address"
    CERTIFICATE_EXPIRES = _WARNING, "a certificate expires soon"
    PATH_CHANGED = _ERROR, "the proxy changes the path"
    UPGRADE_DROPPED = _ERROR, "the proxy does not pass on that a WebSocket is asked for"
    HANDSHAKE_SPOILT = _ERROR, "the proxy changes what a WebSocket needs, or adds what it must not"
    AUTHORIZATION_DROPPED = _ERROR, "the proxy does not pass on the token"
    TOKEN_REFUSED = _ERROR, "the edge refuses the token that is shown"
    ORIGIN_REFUSED = _ERROR, "the edge refuses a page that is to connect"
    ORIGIN_DROPPED = _ERROR, "foreign pages come in: the proxy hides from where a page comes"
    SILENCE_CUT = _ERROR, "a socket on which people say nothing is cut"
    MESSAGE_REFUSED = _ERROR, "a message was not stored"
    MESSAGE_LOST = _ERROR, "a message was stored, and did not come back by the stream"
    MESSAGE_SLOW = _WARNING, "a message takes long there and back"

    # The machine.
    CLOCK_DIFFERS = _ERROR, "a clock differs from this machine's by more than tokens may"
    CLOCK_DRIFTS = _WARNING, "a clock differs from this machine's, though tokens still pass"
    DISK_FULL = _ERROR, "a disk is full, or nearly"
    DISK_LOW = _WARNING, "a disk has little room left"
    FILES_FEW = _WARNING, "a process may open fewer files than it may have sockets"

    def __init__(self, severity: Severity, meaning: str) -> None:
        self.severity = severity
        self.meaning = meaning

    def __str__(self) -> str:
        """The name that scripts know it by."""
        return self.name.lower().replace("_", "-")
