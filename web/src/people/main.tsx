import { render } from "preact";
import "../shared/page.ts";
import "../shared/theme.css";
import "../shared/frame.css";
import "./people.css";
import "./deal/deal.css";
import "./moderation.css";
import { App } from "./App.tsx";
import { followLinks, start } from "./session.ts";

followLinks();
render(<App />, document.getElementById("app") as HTMLElement);
void start();
// It exists over https: and on this machine alone; without it the app needs a network to open.
navigator.serviceWorker?.register("./worker.js").catch(() => {});
