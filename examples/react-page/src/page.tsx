/** The page: whoever signs in sees their conversations, and talks and bargains in one of them. */

import { Client } from "@parley/client";
import { ParleyProvider, useConnection } from "@parley/client/react";
import { IndexedDbStore } from "@parley/client/storage/indexeddb";
import { type FormEvent, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Inbox } from "./inbox.tsx";
import { getToken, readSession, type Session, signIn, signOut } from "./session.ts";

/** Make the client of who is signed in; what is written outlasts the page. */
function makeClient({ user, url }: Session): Client | undefined {
  if (user === null) return undefined;
  return new Client({ url, user, token: getToken, store: new IndexedDbStore() });
}

function SignIn({ onSession }: { onSession: (session: Session) => void }) {
  const [problem, setProblem] = useState("");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      onSession(await signIn(String(form.get("name")), String(form.get("password"))));
    } catch (error) {
      setProblem((error as Error).message);
    }
  }
  return (
    <form onSubmit={submit}>
      <label>
        Name <input name="name" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit">Sign in</button>
      <p role="alert">{problem}</p>
    </form>
  );
}

function Header({ onLeave }: { onLeave: () => void }) {
  const { state, reason, user } = useConnection();
  return (
    <header>
      <strong>{user}</strong> <output title={reason?.message}>{state}</output>{" "}
      <button type="button" onClick={onLeave}>
        Sign out
      </button>
    </header>
  );
}

function Page({ session }: { session: Session }) {
  const [client, setClient] = useState(() => makeClient(session));
  if (!client) return <SignIn onSession={(next) => setClient(makeClient(next))} />;
  async function leave() {
    await signOut();
    setClient(undefined);
  }
  return (
    <ParleyProvider client={client}>
      <Header onLeave={() => void leave()} />
      <Inbox />
    </ParleyProvider>
  );
}

createRoot(document.querySelector("#page") as Element).render(
  <StrictMode>
    <Page session={await readSession()} />
  </StrictMode>,
);
