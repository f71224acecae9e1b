/** Limits of the app. */

/** How many messages of one conversation are shown at most: the newest. */
export const MAXIMUM_ROWS = 5_000;
