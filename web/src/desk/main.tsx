import { render } from "preact";
import "../shared/page.ts";
import "../shared/theme.css";
import "../shared/frame.css";
import "./desk.css";
import { App } from "./App.tsx";
import { followLinks, start } from "./session.ts";
import { listenToKeys } from "./shortcuts.ts";

followLinks();
listenToKeys();
render(<App />, document.getElementById("app") as HTMLElement);
void start();
