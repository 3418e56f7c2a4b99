/** The document: what was asked about an image, each question a layer. Values are never changed, only followed by others. */

import type { Found } from "./found";
import type { Four, Pair } from "./types";

export interface Click {
  place: Pair;
  /** 1: this belongs to it; 0: this does not. */
  label: 0 | 1;
}

/** Which part of the image the expression is about. */
export interface Scene {
  /** On the map; null for everything. */
  bounds: Four | null;
  /** Looked at tile by tile, as a job, instead of all at once. */
  tiled: boolean;
}

/** What the model is asked. Its answer belongs to this very object. */
export interface Query {
  expression: string;
  scene: Scene;
  clicks: readonly Click[];
  box: Four | null;
  /** A job that the server was running already when the page was opened. */
  job: string | null;
}

/** What is drawn: the outline, how likely each pixel is, or what the words alone found. */
export type View = "outline" | "probability" | "words";

export interface Layer {
  key: number;
  name: string;
  colour: string;
  opacity: number;
  visible: boolean;
  view: View;
  query: Query;
  /** null: the weights' own. */
  threshold: number | null;
  /** The latest answer; it may be to an earlier question while the new one is asked. */
  answer: { query: Query; threshold: number | null; found: Found } | null;
}

export interface Document {
  layers: readonly Layer[];
  selected: number | null;
}

export const EMPTY: Document = { layers: [], selected: null };

/** As `rs2sam2.inference.palette`: they stand out on aerial images and from one another, for colour-blind eyes too. */
export const COLOURS = ["#ff40a0", "#40e0ff", "#ffd60a", "#82ff5a", "#ff8c1a", "#a882ff", "#00c896", "#ffffff"];

export function selectedLayer(document: Document): Layer | null {
  return document.layers.find((layer) => layer.key === document.selected) ?? null;
}

export function isFresh(layer: Layer): boolean {
  return layer.answer !== null && layer.answer.query === layer.query && layer.answer.threshold === layer.threshold;
}

/** A new question on top of the others, and selected. */
export function ask(document: Document, expression: string, scene: Scene, threshold: number | null, job: string | null = null): Document {
  const key = nextKey();
  const layer: Layer = {
    key,
    name: expression,
    colour: freeColour(document.layers),
    opacity: 1,
    visible: true,
    view: "outline",
    query: { expression, scene, clicks: [], box: null, job },
    threshold,
    answer: null,
  };
  return { layers: [...document.layers, layer], selected: key };
}

/** The first colour that no layer has, or else they come round again. */
function freeColour(layers: readonly Layer[]): string {
  const free = COLOURS.find((colour) => !layers.some((layer) => layer.colour === colour));
  return free ?? COLOURS[layers.length % COLOURS.length] ?? "#ffffff";
}

let keys = 0;
const nextKey = (): number => ++keys;

export function change(document: Document, key: number, values: Partial<Omit<Layer, "key">>): Document {
  return { ...document, layers: document.layers.map((layer) => (layer.key === key ? { ...layer, ...values } : layer)) };
}

/** Without a layer; the one below it, or else above it, is looked at next. */
export function remove(document: Document, key: number): Document {
  const index = document.layers.findIndex((layer) => layer.key === key);
  if (index < 0) return document;
  const layers = document.layers.filter((layer) => layer.key !== key);
  const neighbour = layers[Math.max(0, index - 1)]?.key ?? null;
  return { layers, selected: document.selected === key ? neighbour : document.selected };
}

/** The same question with other corrections. */
export function correct(document: Document, key: number, values: Partial<Pick<Query, "clicks" | "box">>): Document {
  const layer = document.layers.find((other) => other.key === key);
  return layer ? change(document, key, { query: { ...layer.query, ...values } }) : document;
}
