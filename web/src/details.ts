/** The selected layer: what was found, how it is drawn, its threshold, exports, keeping it as training data. */

import { byId, h, setText } from "./dom";
import type { Found } from "./found";
import { area, count, metres, percent } from "./format";
import type { Layer, View } from "./layers";

export interface DetailEvents {
  change(values: Partial<Pick<Layer, "name" | "colour" | "opacity" | "view" | "threshold">>, gesture: string): void;
  takeLast(): void;
  takeAll(): void;
  export(file: string): void;
  copy(command: string): void;
  keep(category: string): void;
  dataset(): void;
  show(): void;
}

/** Files that are offered, those of a result and those of a job; those that an answer lacks are left out. */
const EXPORTS: readonly (readonly [file: string, label: string])[] = [
  ["polygons.geojson", "GeoJSON"],
  ["polygons.gpkg", "GeoPackage"],
  ["mask.tif", "Mask GeoTIFF"],
  ["mask.png", "Mask PNG"],
  ["overlay.png", "Picture"],
];

export class Details {
  readonly #name = byId<HTMLInputElement>("name");
  readonly #colour = byId<HTMLInputElement>("colour");
  readonly #opacity = byId<HTMLInputElement>("opacity");
  readonly #threshold = byId<HTMLInputElement>("threshold");
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #ownThreshold: number;
  #shown: Found | null = null;

  /** `pseudoMask`: whether the weights have one; `ownThreshold`: of the weights. */
  constructor(events: DetailEvents, { pseudoMask, ownThreshold }: { pseudoMask: boolean; ownThreshold: number }) {
    this.#ownThreshold = ownThreshold;
    const name = this.#name;
    name.addEventListener("change", () => name.value.trim() && events.change({ name: name.value.trim() }, "name"));
    this.#colour.addEventListener("input", () => events.change({ colour: this.#colour.value }, "colour"));
    this.#opacity.addEventListener("input", () => events.change({ opacity: this.#opacity.valueAsNumber }, "opacity"));
    this.#threshold.addEventListener("input", () => events.change({ threshold: this.#threshold.valueAsNumber }, "threshold"));
    for (const radio of views()) radio.addEventListener("change", () => events.change({ view: radio.value as View }, "view"));
    views().forEach((radio) => radio.value === "words" && !pseudoMask && radio.parentElement?.remove());
    byId("take-last").addEventListener("click", () => events.takeLast());
    byId("take-all").addEventListener("click", () => events.takeAll());
    byId("copy").addEventListener("click", () => events.copy(byId("command").textContent ?? ""));
    byId("dataset").addEventListener("click", () => events.dataset());
    byId("show").addEventListener("click", () => events.show());
    byId("keep").addEventListener("submit", (event) => {
      event.preventDefault();
      events.keep(byId<HTMLInputElement>("category").value.trim());
    });
    for (const [file, label] of EXPORTS) {
      const button = h("button", { type: "button" }, label);
      button.addEventListener("click", () => events.export(file));
      this.#buttons.set(file, button);
      byId("exports").append(button);
    }
  }

  /** Shows a layer; null shows nothing. */
  render(layer: Layer | null): void {
    const found = layer?.answer?.found ?? null;
    byId("details").hidden = !layer || !found;
    if (!layer || !found) return;
    if (document.activeElement !== this.#name) this.#name.value = layer.name;
    this.#colour.value = layer.colour;
    this.#opacity.value = String(layer.opacity);
    setText(byId("opacity-value"), percent(layer.opacity));
    const threshold = layer.threshold ?? found.threshold ?? this.#ownThreshold;
    if (document.activeElement !== this.#threshold || layer.threshold === null) this.#threshold.value = String(threshold);
    setText(byId("threshold-value"), threshold.toFixed(2));
    for (const radio of views()) radio.checked = radio.value === layer.view;
    const { clicks, box } = layer.query;
    byId("corrections").hidden = clicks.length === 0 && box === null;
    const said = [...(clicks.length ? [count(clicks.length, "point")] : []), ...(box ? ["a box"] : [])].join(" and ");
    setText(byId("correction-count"), `Corrected by ${said}`);
    if (found !== this.#shown) this.#renderFound(found);
    this.#shown = found;
  }

  #renderFound(found: Found): void {
    const ofResult = found.result !== null;
    document.querySelectorAll<HTMLElement>(".for-threshold, #views, #keep").forEach((part) => (part.hidden = !ofResult));
    const verdict = byId("verdict");
    verdict.dataset["present"] = String(found.present);
    byId("show").hidden = found.outlines.features.length === 0;
    setText(verdict, !found.present ? "Nothing here matches" : found.score === null ? "Found" : `Score ${percent(found.score)}`);
    const figures: [string, string][] = found.present
      ? [["Area", area(found.areaM2, found.areaPx)], ["Parts", String(found.parts)]]
      : found.score === null ? [] : [["Score", percent(found.score)]];
    if (found.present && found.perimeterM !== null) figures.splice(1, 0, ["Around it", metres(found.perimeterM)]);
    byId("figures").replaceChildren(...figures.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    byId("warnings").replaceChildren(...found.warnings.map((warning) => h("li", {}, warning)));
    for (const [file, button] of this.#buttons) button.hidden = !(file in found.files);
    setText(byId("command"), found.command);
  }
}

function views(): NodeListOf<HTMLInputElement> {
  return document.querySelectorAll<HTMLInputElement>('input[name="view"]');
}
