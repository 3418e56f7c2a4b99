import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { withThreshold } from "../src/api";
import { h } from "../src/dom";
import { readEvents } from "../src/events";
import { area, bytes, count, duration, metres, percent } from "../src/format";
import { colourise } from "../src/heat";
import { takeToken } from "../src/token";

test.each([
  [area(null, 12345), "12,345 px"],
  [area(6.94, 9), "6.9 m²"],
  [area(1234.5, 9), "1,235 m²"],
  [area(250_000, 9), "25 ha"],
  [area(2_500_000, 9), "2.5 km²"],
  [metres(12.34), "12.3 m"],
  [metres(12_345), "12.3 km"],
  [percent(0.784), "78 %"],
  [count(1, "part"), "1 part"],
  [count(1200, "part"), "1,200 parts"],
  [duration(0.2), "1 s"],
  [duration(90), "2 min"],
  [duration(5400), "1.5 h"],
  [bytes(900), "1 kB"],
  [bytes(268_435_456), "268.4 MB"],
])("%s is written %s", (written, wanted) => expect(written).toBe(wanted));

test("words of people become text, never markup", () => {
  const evil = '<img src=x onerror="alert(1)">';
  const element = h("p", { title: evil }, evil);
  expect(element.textContent).toBe(evil);
  expect(element.children).toHaveLength(0);
  expect(element.getAttribute("title")).toBe(evil);
});

test("certainty becomes opacity of the layer's colour", () => {
  const pixels = new Uint8ClampedArray([0, 0, 0, 255, 200, 200, 200, 255]);
  colourise(pixels, "#ff8000");
  expect([...pixels]).toEqual([255, 128, 0, 0, 255, 128, 0, 170]);
});

test("thresholds are added to addresses, the weights' own are not", () => {
  expect(withThreshold("/v1/results/a/mask.png", null)).toBe("/v1/results/a/mask.png");
  expect(withThreshold("/v1/results/a/mask.png?answer=0", 0.4)).toBe("/v1/results/a/mask.png?answer=0&threshold=0.4");
});

describe("server-sent events", () => {
  const read = async (...chunks: string[]): Promise<unknown[]> => {
    const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
    const response = new Response(new ReadableStream({ start: (to) => (bytes.forEach((part) => to.enqueue(part)), to.close()) }));
    const found = [];
    for await (const event of readEvents(response)) found.push(event);
    return found;
  };

  test("are whole wherever the network cuts them", async () => {
    expect(await read("event: jo", "b\ndata: {\"a\"", ": 1}\n", "\nevent: job\ndata: 2\n\n")).toEqual([
      { event: "job", data: '{"a": 1}' },
      { event: "job", data: "2" },
    ]);
  });

  test("comments are none, lines of data are joined, an unfinished one does not count", async () => {
    expect(await read(": keep-alive\n\n", "data: a\r\ndata:b\r\n\r\n", "data: never")).toEqual([{ event: "message", data: "a\nb" }]);
  });
});

describe("the token", () => {
  beforeEach(() => sessionStorage.clear());
  afterEach(() => history.replaceState(null, "", "/"));

  test("is taken out of the address and kept for this tab", () => {
    history.replaceState(null, "", "/#token=s%2Becret&image=r-1");
    expect(takeToken()).toBe("s+ecret");
    expect(location.hash).toBe("#image=r-1");
    expect(takeToken()).toBe("s+ecret");
  });

  test("is none where none was given", () => expect(takeToken()).toBeNull());
});
