/** The list of layers: visibility, colour, what was found, progress and cancel, delete. */

import { h, icon, setAttributes, setText } from "./dom";
import { area, duration, percent } from "./format";
import type { Document, Layer } from "./layers";
import type { Run } from "./runner";

export interface ListEvents {
  select(key: number): void;
  toggle(key: number): void;
  remove(key: number): void;
  cancel(key: number): void;
}

export class LayerList {
  readonly #list: HTMLElement;
  readonly #events: ListEvents;
  #rows = new Map<number, Row>();

  constructor(list: HTMLElement, events: ListEvents) {
    this.#list = list;
    this.#events = events;
  }

  /** Rows keep their elements, so that the focus stays where it is. The newest stands on top, as on the map. */
  render(document: Document, runOf: (key: number) => Run | null): void {
    const keys = new Set(document.layers.map((layer) => layer.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    let next: Element | null = null;
    for (const layer of document.layers) {
      let row = this.#rows.get(layer.key);
      if (!row) this.#rows.set(layer.key, (row = new Row(layer.key, this.#events)));
      row.render(layer, layer.key === document.selected, runOf(layer.key));
      if (row.element.parentElement !== this.#list || row.element.nextElementSibling !== next) {
        this.#list.insertBefore(row.element, next);
      }
      next = row.element;
    }
  }

  /** Moves the focus to a layer's row. */
  focus(key: number | null): void {
    if (key !== null) this.#rows.get(key)?.focus();
  }
}

class Row {
  readonly element: HTMLElement;
  readonly #swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  readonly #name = h("strong");
  readonly #facts = h("small");
  readonly #select = h("button", { class: "layer" }, this.#swatch, h("span", {}, this.#name, this.#facts));
  readonly #eye = h("button", { class: "quiet" }, icon("eye"));
  readonly #remove = h("button", { class: "quiet" }, icon("trash"));
  readonly #bar = h("progress", { max: "1" });
  readonly #cancel = h("button", {}, "Cancel");
  readonly #running = h("div", { class: "running" }, this.#bar, this.#cancel);

  constructor(key: number, events: ListEvents) {
    this.element = h("li", { "data-key": String(key) }, this.#select, this.#eye, this.#remove, this.#running);
    this.#select.addEventListener("click", () => events.select(key));
    this.#eye.addEventListener("click", () => events.toggle(key));
    this.#remove.addEventListener("click", () => events.remove(key));
    this.#cancel.addEventListener("click", () => events.cancel(key));
  }

  render(layer: Layer, selected: boolean, run: Run | null): void {
    setText(this.#name, layer.name);
    setText(this.#facts, facts(layer, run));
    this.#swatch.style.backgroundColor = layer.colour;
    this.element.classList.toggle("selected", selected);
    this.element.classList.toggle("unseen", !layer.visible);
    this.element.classList.toggle("nothing", layer.answer?.found.present === false);
    setAttributes(this.#select, { "aria-pressed": String(selected) });
    setAttributes(this.#eye, {
      "aria-pressed": String(layer.visible),
      "aria-label": `Show ${layer.name}`,
      title: layer.visible ? "Hide" : "Show",
    });
    this.#eye.querySelector("use")?.setAttribute("href", layer.visible ? "#i-eye" : "#i-hidden");
    setAttributes(this.#remove, { "aria-label": `Delete ${layer.name}`, title: "Delete (undo brings it back)" });
    setAttributes(this.#cancel, { "aria-label": `Cancel ${layer.name}` });
    setAttributes(this.#bar, { "aria-label": `Progress of ${layer.name}` });
    this.#running.hidden = run === null;
    if (run?.progress == null) this.#bar.removeAttribute("value");
    else this.#bar.value = run.progress;
  }

  focus(): void {
    this.#select.focus();
  }
}

function facts(layer: Layer, run: Run | null): string {
  if (run?.progress != null) {
    const left = run.secondsLeft === null ? "" : `, ${duration(run.secondsLeft)} left`;
    return `${percent(run.progress)} looked at${left}`;
  }
  const found = layer.answer?.found;
  if (!found) return "Looking…";
  if (!found.present) return "Nothing here matches";
  const size = area(found.areaM2, found.areaPx);
  return found.score === null ? size : `score ${percent(found.score)} · ${size}`;
}
