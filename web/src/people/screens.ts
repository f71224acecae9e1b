import type { ComponentType } from "preact";
import type { Path } from "../shared/router.ts";
import { Settings } from "./Settings.tsx";

/** Screens by the first part of their address; each is given the rest of it. */
export const SCREENS: Readonly<Record<string, ComponentType<{ path: Path }>>> = {
  settings: Settings,
};
