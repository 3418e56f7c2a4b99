/** The question: an expression and the part of the image that it is about. */

import { byId } from "./dom";
import type { Scene } from "./layers";
import { overlap, type Placement } from "./placement";
import type { Four, ImageInfo } from "./types";

type Where = "whole" | "view" | "drawn" | "tiles";

export interface AskEvents {
  ask(expression: string, scene: Scene): void;
  /** The user wants to draw the area, or no longer. */
  draw(wanted: boolean): void;
  /** The area that the next question will be about. */
  area(bounds: Four | null): void;
  seen(): Four;
}

interface Opened {
  info: ImageInfo;
  placement: Placement;
}

export class AskForm {
  readonly #events: AskEvents;
  readonly #input = byId<HTMLInputElement>("expression");
  readonly #scenePixels: number;
  #image: Opened | null = null;
  #drawn: Four | null = null;

  /** `scenePixels`: the most that the server looks at at once; what is larger is looked at tile by tile. */
  constructor(events: AskEvents, limits: { scene_pixels: number; expression_characters: number }, jobs: boolean) {
    this.#events = events;
    this.#scenePixels = limits.scene_pixels;
    this.#input.maxLength = limits.expression_characters;
    if (!jobs) radio("tiles").parentElement?.remove();
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const where of ["whole", "view", "drawn", "tiles"] as const) {
      // A click, not a change: choosing "box" again draws another.
      document.querySelector(`input[name="scene"][value="${where}"]`)?.addEventListener("click", () => this.#choose(where));
    }
  }

  open(info: ImageInfo, placement: Placement): void {
    this.#image = { info, placement };
    for (const id of ["expression", "find", "scenes"]) byId<HTMLInputElement>(id).disabled = false;
    radio("whole").checked = true;
    this.#choose("whole");
  }

  /** The area was drawn. */
  drawn(bounds: Four): void {
    this.#drawn = bounds;
    this.#events.area(bounds);
    this.focus();
  }

  /** Puts a question back that was not answered, unless the next is being typed. */
  restore(expression: string): void {
    if (this.#input.value === "") this.#input.value = expression;
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  #choose(where: Where): void {
    this.#drawn = null;
    this.#events.area(null);
    this.#events.draw(where === "drawn");
  }

  #submit(): void {
    const expression = this.#input.value.trim();
    if (!expression || !this.#image) return;
    this.#events.ask(expression, this.#scene(this.#image));
    this.#input.value = "";
  }

  #scene({ info, placement }: Opened): Scene {
    const where = document.querySelector<HTMLInputElement>('input[name="scene"]:checked')?.value;
    const area = where === "drawn" ? this.#drawn : where === "view" ? this.#events.seen() : null;
    const bounds = area && overlap(area, placement.bounds); // outside of the image there is nothing to be found
    const pixels = (info.width ?? 0) * (info.height ?? 0) * (bounds ? share(bounds, placement.bounds) : 1);
    return { bounds, tiled: where === "tiles" || pixels > this.#scenePixels };
  }
}

/** How much of the whole a part is, 0..1. */
function share(part: Four, whole: Four): number {
  const size = ([west, south, east, north]: Four): number => (east - west) * (north - south);
  return size(part) / size(whole);
}

function radio(where: Where): HTMLInputElement {
  const found = document.querySelector<HTMLInputElement>(`input[name="scene"][value="${where}"]`);
  if (!found) throw new Error(`index.html has no scene ${where}`);
  return found;
}
