/** What the pointer and the keys do on the map: clicks, boxes, moving about. */

import type * as maplibre from "maplibre-gl";
import type { MapView } from "./map_view";
import type { Four, Pair } from "./types";

/** `scene`: a box that the next expression will be about, then back to the tool before. */
export type Tool = "move" | "add" | "remove" | "box" | "scene";

export interface ToolEvents {
  click(place: Pair, label: 0 | 1): void;
  takeClick(index: number): void;
  box(box: Four): void;
  scene(box: Four): void;
  select(key: number): void;
  changed(tool: Tool): void;
}

/** A box drawn with less than this many pixels a side was a slip. */
const SMALLEST = 4;

export class Tools {
  readonly #view: MapView;
  readonly #events: ToolEvents;
  #tool: Tool = "add";
  #before: Tool = "add";
  /** Where the box that is being drawn began. */
  #start: Pair | null = null;
  /** Whether clicks and boxes would correct something. */
  canCorrect = false;

  constructor(view: MapView, events: ToolEvents) {
    this.#view = view;
    this.#events = events;
    const { map } = view;
    map.on("click", (event) => this.#clicked(event, event.originalEvent.shiftKey));
    map.on("contextmenu", (event) => this.#clicked(event, true));
    map.on("mousedown", (event) => this.#press(event));
    map.on("mousemove", (event) => this.#drag(event));
    map.on("mouseup", (event) => this.#release(event));
    map.on("touchstart", (event) => event.points.length === 1 && this.#press(event));
    map.on("touchmove", (event) => this.#drag(event));
    map.on("touchend", (event) => this.#release(event));
    map.getCanvas().addEventListener("keydown", (event) => this.#key(event));
  }

  get tool(): Tool {
    return this.#tool;
  }

  use(tool: Tool): void {
    if (this.#tool !== "scene") this.#before = this.#tool;
    this.#tool = tool;
    this.#start = null;
    this.#view.sketch(null);
    const drawing = tool === "box" || tool === "scene";
    this.#view.map.dragPan[drawing ? "disable" : "enable"]();
    this.#view.map.getCanvas().style.cursor = tool === "move" ? "" : "crosshair";
    this.#events.changed(tool);
  }

  /** Drops what is being drawn. Returns whether anything was. */
  escape(): boolean {
    if (this.#start === null && this.#tool !== "scene") return false;
    this.use(this.#tool === "scene" ? this.#before : this.#tool);
    return true;
  }

  get #draws(): boolean {
    return this.#tool === "scene" || (this.#tool === "box" && this.canCorrect);
  }

  #clicked(event: maplibre.MapMouseEvent, other: boolean): void {
    const { lng, lat } = event.lngLat;
    if (this.#tool === "move") {
      const key = this.#view.layerAt(event.point);
      if (key !== null) this.#events.select(key);
    } else if (this.#tool === "add" || this.#tool === "remove") {
      const index = this.#view.clickAt(event.point);
      if (index !== null) this.#events.takeClick(index);
      else this.#point([lng, lat], other);
    }
  }

  /** `other`: the right button or Shift, which turns adding and removing round. */
  #point(place: Pair, other: boolean): void {
    if (this.canCorrect) this.#events.click(place, (this.#tool === "add") !== other ? 1 : 0);
  }

  #press(event: maplibre.MapMouseEvent | maplibre.MapTouchEvent): void {
    if (!this.#draws || ("button" in event.originalEvent && event.originalEvent.button !== 0)) return;
    event.preventDefault();
    this.#start = event.lngLat.toArray();
  }

  #drag(event: maplibre.MapMouseEvent | maplibre.MapTouchEvent): void {
    if (this.#start) this.#view.sketch(boxOf(this.#start, event.lngLat.toArray()));
  }

  #release(event: maplibre.MapMouseEvent | maplibre.MapTouchEvent): void {
    if (this.#start) this.#finish(this.#start, event.lngLat.toArray());
  }

  #finish(start: Pair, end: Pair): void {
    this.#start = null;
    this.#view.sketch(null);
    const [a, b] = [this.#view.map.project(start), this.#view.map.project(end)];
    if (Math.abs(a.x - b.x) < SMALLEST || Math.abs(a.y - b.y) < SMALLEST) return;
    const box = boxOf(start, end);
    if (this.#tool === "box") return this.#events.box(box);
    this.use(this.#before);
    this.#events.scene(box);
  }

  /** Enter acts in the middle of the map, where a cross is shown: a click, or one corner of a box and then the other. */
  #key(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const place = this.#view.centre();
    if (this.#tool === "add" || this.#tool === "remove") return this.#point(place, event.shiftKey);
    if (!this.#draws) return;
    if (this.#start) return this.#finish(this.#start, place);
    this.#start = place;
    const follow = (): void => {
      if (this.#start === place) this.#view.sketch(boxOf(place, this.#view.centre()));
      else this.#view.map.off("move", follow);
    };
    this.#view.map.on("move", follow);
  }
}

function boxOf([ax, ay]: Pair, [bx, by]: Pair): Four {
  return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
}
