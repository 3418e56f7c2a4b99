/** The panel as index.html has it: what it says, and what it must never do with words of people. */

import { beforeEach, expect, test, vi } from "vitest";
import html from "../index.html?raw";
import { AskForm } from "../src/ask_form";
import { Details } from "../src/details";
import { byId } from "../src/dom";
import type { Found } from "../src/found";
import { LayerList } from "../src/layer_list";
import { ask, change, type Document, EMPTY, remove, selectedLayer } from "../src/layers";
import { placementOf } from "../src/placement";
import { plain } from "./images";

const EVIL = '<img src=x onerror="window.hit=1">';
const WHOLE = { bounds: null, tiled: false };
const listEvents = { select: vi.fn(), toggle: vi.fn(), remove: vi.fn(), cancel: vi.fn() };
const detailEvents = {
  change: vi.fn(), takeLast: vi.fn(), takeAll: vi.fn(), export: vi.fn(), copy: vi.fn(), keep: vi.fn(), dataset: vi.fn(), show: vi.fn(),
};
const askEvents = { ask: vi.fn(), draw: vi.fn(), area: vi.fn(), seen: vi.fn(() => [-200, -80, 0, 80] as [number, number, number, number]) };

function found(values: Partial<Found> = {}): Found {
  return {
    result: "r", present: true, score: 0.783, areaPx: 1200, areaM2: 6.75, perimeterM: 12, parts: 2, warnings: [],
    threshold: 0.35, outlines: { type: "FeatureCollection", features: [] }, tiles: null,
    scene: [[0, 0], [0, 0], [0, 0], [0, 0]], files: { "mask.png": "/m", "polygons.gpkg": "/g" }, command: `rs2sam2 segment '${EVIL}'`,
    ...values,
  };
}

function answered(document: Document, values: Partial<Found> = {}): Document {
  const layer = selectedLayer(document);
  if (!layer) throw new Error("nothing is selected");
  return change(document, layer.key, { answer: { query: layer.query, threshold: layer.threshold, found: found(values) } });
}

beforeEach(() => {
  vi.clearAllMocks();
  document.body.innerHTML = new DOMParser().parseFromString(html, "text/html").body.innerHTML;
});

const rows = (): HTMLElement[] => [...byId("layers").querySelectorAll<HTMLElement>("li")];

test("the newest layer stands on top, with score and area; rows keep their elements", () => {
  const list = new LayerList(byId("layers"), listEvents);
  const first = answered(ask(EMPTY, "one", WHOLE, null));
  list.render(first, () => null);
  const [row] = rows();
  const second = answered(ask(first, "two", WHOLE, null), { present: false });
  list.render(second, () => null);
  expect(rows().map((other) => other.querySelector("strong")?.textContent)).toEqual(["two", "one"]);
  expect(rows()[1]).toBe(row);
  expect(rows().map((other) => other.querySelector("small")?.textContent)).toEqual(["Nothing here matches", "score 78 % · 6.8 m²"]);
  list.render(remove(second, second.selected ?? 0), () => null);
  expect(rows()).toEqual([row]);
});

test("a layer that runs shows its progress and can be cancelled", () => {
  const list = new LayerList(byId("layers"), listEvents);
  const document = ask(EMPTY, "one", WHOLE, null);
  list.render(document, () => ({ progress: 0.25, secondsLeft: 90 }));
  const [row] = rows();
  expect(row?.querySelector("small")?.textContent).toBe("25 % looked at, 2 min left");
  expect(row?.querySelector("progress")?.value).toBe(0.25);
  row?.querySelector<HTMLButtonElement>(".running button")?.click();
  expect(listEvents.cancel).toHaveBeenCalledWith(document.selected);
  list.render(document, () => null);
  expect(row?.querySelector<HTMLElement>(".running")?.hidden).toBe(true);
});

test("expressions, warnings and commands are text wherever they stand", () => {
  const layers = answered(ask(EMPTY, EVIL, WHOLE, null), { warnings: [EVIL] });
  new LayerList(byId("layers"), listEvents).render(layers, () => null);
  new Details(detailEvents, { pseudoMask: true, ownThreshold: 0.35 }).render(selectedLayer(layers));
  expect(document.querySelectorAll("img")).toHaveLength(0);
  expect(rows()[0]?.querySelector("strong")?.textContent).toBe(EVIL);
  expect(byId("warnings").textContent).toBe(EVIL);
  expect(byId("command").textContent).toContain(EVIL);
  expect(byId<HTMLInputElement>("name").value).toBe(EVIL);
});

test("details show the figures and only the files that there are", () => {
  const details = new Details(detailEvents, { pseudoMask: true, ownThreshold: 0.35 });
  details.render(selectedLayer(answered(ask(EMPTY, "one", WHOLE, null))));
  expect(byId("verdict").textContent).toBe("Score 78 %");
  expect(byId("figures").textContent).toBe("Area6.8 m²Around it12 mParts2");
  const offered = [...byId("exports").children].filter((button) => !(button as HTMLElement).hidden);
  expect(offered.map((button) => button.textContent)).toEqual(["GeoPackage", "Mask PNG"]);
  (offered[0] as HTMLElement).click();
  expect(detailEvents.export).toHaveBeenCalledWith("polygons.gpkg");
  details.render(null);
  expect(byId("details").hidden).toBe(true);
});

test("what is not there is said, and a job has no threshold to move", () => {
  const details = new Details(detailEvents, { pseudoMask: false, ownThreshold: 0.35 });
  details.render(selectedLayer(answered(ask(EMPTY, "one", { bounds: null, tiled: true }, null), { present: false, result: null, score: null })));
  expect(byId("verdict").textContent).toBe("Nothing here matches");
  expect(document.querySelector<HTMLElement>(".for-threshold")?.hidden).toBe(true);
  expect(byId("keep").hidden).toBe(true);
  expect(document.querySelector('input[name="view"][value="words"]')).toBeNull();
});

test.each([
  ["whole", 100, { bounds: null, tiled: false }],
  ["whole", 3000, { bounds: null, tiled: true }], // larger than one look
  ["tiles", 100, { bounds: null, tiled: true }],
])("asked about %s of %i pixels", (where, side, scene) => {
  const form = new AskForm(askEvents, { scene_pixels: 1_000_000, expression_characters: 500 }, true);
  const image = plain(side, side);
  const placement = placementOf(image);
  if (!placement) throw new Error("it has tiles");
  form.open(image, placement);
  document.querySelector<HTMLInputElement>(`input[value="${where}"]`)?.click();
  byId<HTMLInputElement>("expression").value = "  the pool ";
  byId<HTMLFormElement>("ask").requestSubmit();
  expect(askEvents.ask).toHaveBeenCalledExactlyOnceWith("the pool", scene);
  expect(byId<HTMLInputElement>("expression").value).toBe("");
});

test("the view is cut to the image; a blank expression asks nothing", () => {
  const form = new AskForm(askEvents, { scene_pixels: 1_000_000, expression_characters: 500 }, true);
  const image = plain(100, 100);
  const placement = placementOf(image);
  if (!placement) throw new Error("it has tiles");
  form.open(image, placement);
  byId<HTMLFormElement>("ask").requestSubmit();
  expect(askEvents.ask).not.toHaveBeenCalled();
  document.querySelector<HTMLInputElement>('input[value="view"]')?.click();
  byId<HTMLInputElement>("expression").value = "the pool";
  byId<HTMLFormElement>("ask").requestSubmit();
  expect(askEvents.ask.mock.calls[0]?.[1]).toEqual({ bounds: placement.bounds, tiled: false });
});
