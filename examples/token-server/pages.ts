/** Static files with strict headers: no script but the page's own, nothing framed, nothing sniffed. */

import { createReadStream, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Write the policy of pages whose socket is at `socket`, a URL of ws: or wss:. */
export function policy(socket: string): string {
  const edge = new URL(socket);
  const http = `${edge.protocol === "wss:" ? "https:" : "http:"}//${edge.host}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${edge.origin === "null" ? `${edge.protocol}//${edge.host}` : edge.origin} ${http}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}

/** Folders by the first part of the path below which they are served. */
export type Folders = Record<string, string>;

/** Serve a file of the folders; give false where there is none. */
export async function serve(
  folders: Folders,
  path: string,
  answer: ServerResponse,
  headers: Record<string, string>,
): Promise<boolean> {
  const found = await find(folders, path);
  if (found === null) return false;
  const type = TYPES[extname(found.file)] ?? "application/octet-stream";
  answer.writeHead(200, {
    ...headers,
    "content-type": type,
    "content-length": found.stats.size,
    "cache-control": "no-cache",
  });
  await pipeline(createReadStream(found.file), answer);
  return true;
}

async function find(
  folders: Folders,
  path: string,
): Promise<{ file: string; stats: Stats } | null> {
  const prefix = Object.keys(folders)
    .sort((one, other) => other.length - one.length)
    .find((candidate) => path.startsWith(candidate));
  const folder = prefix === undefined ? undefined : folders[prefix];
  if (prefix === undefined || folder === undefined) return null;
  let name: string;
  try {
    name = decodeURIComponent(path.slice(prefix.length));
  } catch {
    return null; // Half of a percent sign is no name of a file.
  }
  const file = normalize(join(folder, name === "" ? "index.html" : name));
  // Nothing above the folder, and nothing hidden in it.
  if (!file.startsWith(folder + sep) || /[\\/]\.|\0/.test(name) || name.startsWith("."))
    return null;
  try {
    const stats = await stat(file);
    return stats.isFile() ? { file, stats } : null;
  } catch {
    return null; // No such file.
  }
}
