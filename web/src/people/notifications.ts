/** Notifications of this browser: of messages that come while the page is hidden. */

import type { Client } from "@parley/client";
import { signal } from "@preact/signals";
import { addressOf } from "../shared/router.ts";
import { recall, remember } from "../shared/settings.ts";
import { oneLine } from "../shared/words.ts";
import { t } from "./messages.ts";

/** `denied` is the browser's own setting, which a page cannot change; some browsers have none. */
export type Notifications = "on" | "off" | "denied" | "impossible";

const SETTING = "notifications";
const LONGEST_TEXT = 200;

export const notifications = signal<Notifications>(found());

function found(): Notifications {
  if (typeof Notification !== "function") return "impossible";
  if (Notification.permission === "denied") return "denied";
  const wanted = recall(SETTING) === "on" && Notification.permission === "granted";
  return wanted ? "on" : "off";
}

/** Ask the browser, upon a click. */
export async function allowNotifications(): Promise<void> {
  const permission = await Notification.requestPermission();
  if (permission === "granted") remember(SETTING, "on");
  notifications.value = found();
}

export function stopNotifications(): void {
  remember(SETTING, undefined);
  notifications.value = found();
}

/** Tell of messages of others from now on, while the page is hidden and notifications are on. */
export function notify(client: Client): void {
  client.on((event) => {
    if (event.type !== "message" || !document.hidden || notifications.value !== "on") return;
    const { conversation, message } = event;
    if (message.sender === client.user || message.kind !== "text") return;
    const notification = new Notification(oneLine(message.sender), {
      body: [...oneLine(message.text ?? t("message.removed"))].slice(0, LONGEST_TEXT).join(""),
      // Another tab that tells of it as well takes its place.
      tag: `${conversation} ${message.seq}`,
    });
    notification.onclick = () => {
      window.focus();
      location.hash = addressOf("c", conversation);
    };
  });
}
