import { expect, test } from "vitest";
import { ask, change, COLOURS, correct, EMPTY, isFresh, remove, selectedLayer } from "../src/layers";

const WHOLE = { bounds: null, tiled: false };
const three = ["one", "two", "three"].reduce((document, expression) => ask(document, expression, WHOLE, null), EMPTY);

test("each question is a layer, and the newest is selected", () => {
  expect(three.layers.map((layer) => layer.name)).toEqual(["one", "two", "three"]);
  expect(selectedLayer(three)?.name).toBe("three");
  expect(EMPTY.layers).toEqual([]);
});

test("colours differ while there are any left, and one that is free is used again", () => {
  expect(three.layers.map((layer) => layer.colour)).toEqual(COLOURS.slice(0, 3));
  const second = three.layers[1]?.key ?? 0;
  expect(selectedLayer(ask(remove(three, second), "four", WHOLE, null))?.colour).toBe(COLOURS[1]);
});

test("a neighbour is selected when the selected layer goes", () => {
  const last = remove(three, three.selected ?? 0);
  expect(selectedLayer(last)?.name).toBe("two");
  const first = last.layers[0]?.key ?? 0;
  expect(selectedLayer(remove(last, first))?.name).toBe("two");
  expect(remove(remove(last, first), last.selected ?? 0)).toEqual(EMPTY);
});

test("a correction is another question; a colour is not", () => {
  const layer = three.layers[0];
  if (!layer) throw new Error("there are three");
  const coloured = change(three, layer.key, { colour: "#123456" }).layers[0];
  expect(coloured?.query).toBe(layer.query);
  const clicked = correct(three, layer.key, { clicks: [{ place: [1, 2], label: 1 }] }).layers[0];
  expect(clicked?.query).not.toBe(layer.query);
  expect(clicked?.query.expression).toBe("one");
  expect(layer.query.clicks).toEqual([]);
});

test("an answer is fresh for its own question and threshold only", () => {
  const layer = three.layers[0];
  if (!layer) throw new Error("there are three");
  expect(isFresh(layer)).toBe(false);
  const answered = { ...layer, answer: { query: layer.query, threshold: null, found: {} as never } };
  expect(isFresh(answered)).toBe(true);
  expect(isFresh({ ...answered, threshold: 0.4 })).toBe(false);
  expect(isFresh({ ...answered, query: { ...layer.query } })).toBe(false);
});
