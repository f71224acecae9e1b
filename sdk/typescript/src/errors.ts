import type { Data } from "./protocol.ts";

/** The base of all errors of this library. `code` is a stable word. */
export class ParleyError extends Error {
  override name = "ParleyError";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The ERROR that answers a packet. `code`, `reason`, `fields` and `current` are those of docs/protocol.md. */
export class Rejected extends ParleyError {
  override name = "Rejected";
  readonly reason: string | undefined;
  readonly fields: readonly { readonly field: string; readonly problem: string }[];
  readonly current: Data | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  /** The payload of the ERROR. */
  readonly d: Data;

  constructor(d: Data) {
    const said = d as Partial<Record<string, never>>;
    super(String(said["code"]), String(said["message"]));
    this.d = d;
    this.reason = said["reason"];
    this.fields = said["fields"] ?? [];
    this.current = said["current"];
    this.retryable = !!said["retryable"];
    this.retryAfterMs = said["retry_after_ms"];
  }
}

/** A field is missing or wrong; `fields` says which. */
export class InvalidArgument extends Rejected {
  override name = "InvalidArgument";
}

/** The service, the dispute or the message stands otherwise; `current` shows how. */
export class InvalidState extends Rejected {
  override name = "InvalidState";
}

/** What was named is not the live offer; `current` is the deal as it stands. */
export class StaleOffer extends Rejected {
  override name = "StaleOffer";
}

/** This user may not do this; `reason` may say why. */
export class PermissionDenied extends Rejected {
  override name = "PermissionDenied";
}

/** A sanction does not allow this. */
export class Sanctioned extends Rejected {
  override name = "Sanctioned";

  /** All that restricts the user, with the reasons. */
  get standing(): Data | undefined {
    return this.current;
  }
}

/** It does not exist, or this user may not see it. */
export class NotFound extends Rejected {
  override name = "NotFound";
}

/** The key was used before, for something else. */
export class Conflict extends Rejected {
  override name = "Conflict";
}

/** The service behind is not deployed at this server. */
export class Unavailable extends Rejected {
  override name = "Unavailable";
}

const REJECTIONS: Readonly<Record<string, typeof Rejected>> = {
  INVALID_ARGUMENT: InvalidArgument,
  INVALID_STATE: InvalidState,
  STALE_OFFER: StaleOffer,
  PERMISSION_DENIED: PermissionDenied,
  SANCTIONED: Sanctioned,
  NOT_FOUND: NotFound,
  CONFLICT: Conflict,
  UNAVAILABLE: Unavailable,
};

/** Makes the typed error of the payload of an ERROR packet. */
export function rejection(d: Data): Rejected {
  return new (REJECTIONS[String(d["code"])] ?? Rejected)(d);
}

/** The command is not among the `allowed_actions` of the deal or the dispute; nothing was sent. */
export class ActionNotAllowed extends ParleyError {
  override name = "ActionNotAllowed";
  readonly action: string;
  readonly allowed: readonly string[];

  constructor(action: string, allowed: readonly string[]) {
    super(
      "ACTION_NOT_ALLOWED",
      `${action} is not allowed now, but: ${allowed.join(", ") || "nothing"}`,
    );
    this.action = action;
    this.allowed = allowed;
  }
}

/** The outbox, or the list of questions, holds as much as it may; nothing was stored or sent. */
export class OutboxFull extends ParleyError {
  override name = "OutboxFull";

  constructor(limit: number) {
    super("OUTBOX_FULL", `${limit} wait`);
  }
}

/** The command is older than `maxAge`, so that its key may be forgotten; it was not sent (again). */
export class Expired extends ParleyError {
  override name = "Expired";

  constructor() {
    super("EXPIRED", "too old to be sent with the same key");
  }
}

/** The command was cancelled before it was sent, or discarded. */
export class Cancelled extends ParleyError {
  override name = "Cancelled";

  constructor() {
    super("CANCELLED", "cancelled by this user");
  }
}

/** The packet is larger than the server takes; it was not sent. */
export class PacketTooLarge extends ParleyError {
  override name = "PacketTooLarge";

  constructor(limit: number) {
    super("PACKET_TOO_LARGE", `over ${limit} bytes`);
  }
}

/** The packet holds what cannot be written, such as a BigInt or itself; it was not sent. */
export class InvalidPacket extends ParleyError {
  override name = "InvalidPacket";

  constructor(cause: unknown) {
    super("INVALID_PACKET", "cannot be encoded", cause);
  }
}

/** `close()` was called. */
export class ClientClosed extends ParleyError {
  override name = "ClientClosed";

  constructor() {
    super("CLIENT_CLOSED", "closed");
  }
}

/** The token function says that nobody is signed in. */
export class SignedOut extends ParleyError {
  override name = "SignedOut";

  constructor() {
    super("SIGNED_OUT", "signed out");
  }
}

/**
 * No usable token: the function `threw`, did not answer (`timeout`), or gave rubbish (`invalid`); or the
 * server `refused` it. `cause` is what was thrown, or the server's reason.
 */
export class TokenError extends ParleyError {
  override name = "TokenError";
  readonly kind: "threw" | "timeout" | "invalid" | "refused";

  constructor(kind: TokenError["kind"], cause?: unknown) {
    super(`TOKEN_${kind.toUpperCase()}`, `no token: ${kind}`, cause);
    this.kind = kind;
  }
}

/** The server does not let this client in; `status` is of HTTP or, above 1000, a close code; 0 where the browser refused. */
export class HandshakeRefused extends ParleyError {
  override name = "HandshakeRefused";
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    super("HANDSHAKE_REFUSED", `refused: ${status} ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}

/** The user is banned, or suspended `until` a time; `standing` has the reasons. */
export class Banned extends ParleyError {
  override name = "Banned";
  readonly standing: Data | undefined;
  readonly until: string | undefined;

  constructor(standing?: Data) {
    const until = standing?.["banned"] ? undefined : (standing?.["suspended_until"] as string);
    super(until ? "SUSPENDED" : "BANNED", until ? `until ${until}` : "banned");
    this.standing = standing;
    this.until = until;
  }
}

/** The token is of another user than the one to whom the outbox and the cursor belong; nothing was sent. */
export class WrongUser extends ParleyError {
  override name = "WrongUser";
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(expected?: string, found?: string) {
    super("WRONG_USER", "the token is another user's");
    this.expected = expected;
    this.found = found;
  }
}

/** The server said something that is no packet, or not in its place. */
export class ProtocolError extends ParleyError {
  override name = "ProtocolError";

  constructor(message: string, cause?: unknown) {
    super("PROTOCOL_ERROR", message, cause);
  }
}

/**
 * The connection ended or could not be made: the server CLOSED it, was UNREACHABLE or SILENT or asked to
 * RECONNECT, or events wait for a SLOW_CONSUMER. `closeCode` is the server's, and `reason` its word.
 */
export class Disconnected extends ParleyError {
  override name = "Disconnected";
  readonly closeCode: number | undefined;
  readonly reason: string | undefined;

  constructor(
    code: "CLOSED" | "UNREACHABLE" | "SILENT" | "RECONNECT" | "SLOW_CONSUMER",
    closeCode?: number,
    reason?: string,
  ) {
    super(code, `disconnected: ${code}${closeCode ? ` ${closeCode} ${reason}` : ""}`);
    this.closeCode = closeCode;
    this.reason = reason;
  }
}

/** The storage is full, denied or broken; the client goes on in memory. */
export class StorageError extends ParleyError {
  override name = "StorageError";

  constructor(message: string, cause?: unknown) {
    super("STORAGE_ERROR", message, cause);
  }
}
