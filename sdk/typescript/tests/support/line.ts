/** A bad line between clients and a server: it cuts, swallows and forgets. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** A proxy on a port of the loopback, in front of a server. */
export class Line {
  /** Whether nothing of what the server says comes through any more, and nobody is told. */
  deaf = false;
  /** Whether nothing goes either way, and nobody is told. */
  silent = false;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      const server = dial(Number(target.port), target.hostname);
      const pair = [client, server] as const;
      this.#pairs.add(pair);
      client.on("data", (data) => this.silent || server.write(data));
      server.on("data", (data) => this.silent || this.deaf || client.write(data));
      for (const socket of pair) {
        // An end of one side is told to the other, and an error is such an end.
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#pairs.delete(pair);
          client.destroy();
          server.destroy();
        });
      }
    });
  }

  static async to(url: string): Promise<Line> {
    const line = new Line(new URL(url));
    await new Promise<void>((resolve) => line.#server.listen(0, "127.0.0.1", resolve));
    return line;
  }

  /** The address of a socket through this line. */
  get url(): string {
    const address = this.#server.address();
    if (!address || typeof address === "string") throw new Error("the line is closed");
    return `ws://127.0.0.1:${address.port}/ws`;
  }

  /** Cuts all connections, as a network does. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.deaf = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
