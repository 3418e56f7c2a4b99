/** Keys of the whole page, and those that work while the map has the focus. */

export interface KeyActions {
  /** By `event.key` in lower case, wherever nothing is being typed. */
  page: Record<string, () => void>;
  map: Record<string, () => void>;
  undo(): void;
  redo(): void;
}

export function startKeys(map: HTMLElement, actions: KeyActions): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    let action: (() => void) | undefined;
    if (event.ctrlKey || event.metaKey) {
      action = key === "z" ? (event.shiftKey ? actions.redo : actions.undo) : key === "y" ? actions.redo : undefined;
    } else {
      action = (event.target === map ? actions.map[key] : undefined) ?? actions.page[key];
    }
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** Text fields keep their keys, undo among them. */
function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !["radio", "checkbox", "range", "color", "file"].includes(target.type);
  return target instanceof HTMLTextAreaElement;
}
