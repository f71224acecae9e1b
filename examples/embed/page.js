// The page of a marketplace with an inbox and a chat in it. The elements do all of the talking; the page says
// who is signed in, where Parley is, and how it looks (page.css).

import { signOut } from "/parley/parley.js";

const find = (selector) => document.querySelector(selector);
const elements = document.querySelectorAll("parley-inbox, parley-chat");

async function getToken(_reason, signal) {
  const answer = await fetch("/token", { method: "POST", signal });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
}

function show({ user }) {
  find("#sign-in").hidden = user !== null;
  find("#talk").hidden = find("#sign-out").hidden = user === null;
  find("#user").textContent = user ?? "";
}

find("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  const said = await answer.json();
  find("#problem").textContent = answer.ok ? "" : said.reason.replaceAll("_", " ");
  if (!answer.ok) return;
  form.reset();
  show(said);
  // Whoever was signed in before, if anybody, is shown no longer.
  for (const element of elements) element.restart();
});

find("#sign-out").onclick = async () => {
  await fetch("/session", { method: "DELETE" });
  // What was shown is forgotten, and the elements learn that nobody is signed in.
  await signOut();
  show({ user: null });
};

find("parley-inbox").addEventListener("parley-unread", ({ detail }) => {
  find("#unread").textContent = detail.messages ? `${detail.messages} new` : "";
});

// On a phone there is room for one of the two.
find("parley-inbox").addEventListener("parley-open", () => {
  find(".sides").classList.add("open");
});
find("parley-chat").addEventListener("parley-back", () => {
  find(".sides").classList.remove("open");
});

for (const element of elements) {
  element.addEventListener("parley-error", ({ detail }) => {
    find("#problem").textContent = detail.code === "SIGNED_OUT" ? "" : detail.message;
  });
}

const session = await (await fetch("/session")).json();
for (const element of elements) {
  element.url = session.url;
  element.getToken = getToken;
}
show(session);
