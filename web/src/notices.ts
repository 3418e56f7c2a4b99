/** What is said to the user, to screen readers too: what goes on, and what went wrong. */

import { isAbort, messageOf } from "./api";
import { byId, setText } from "./dom";

/** Milliseconds that a message stays; problems stay longer. */
const SHORT = 6000;
const LONG = 12_000;

const timers = new Map<HTMLElement, ReturnType<typeof setTimeout>>();

export function say(text: string, kind: "plain" | "nothing" = "plain"): void {
  const status = byId("status");
  status.dataset["kind"] = kind;
  show(status, text, kind === "nothing" ? LONG : SHORT);
}

/** Says what was thrown, unless the user stopped it. */
export function complain(error: unknown): void {
  if (!isAbort(error)) show(byId("problem"), messageOf(error), LONG);
}

export function hush(): void {
  for (const id of ["status", "problem"]) setText(byId(id), "");
}

function show(element: HTMLElement, text: string, milliseconds: number): void {
  setText(element, text);
  clearTimeout(timers.get(element));
  timers.set(element, setTimeout(() => setText(element, ""), milliseconds));
}
