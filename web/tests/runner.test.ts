/** The runner against a service in a few lines, which answers when it is told to. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Api } from "../src/api";
import { History } from "../src/history";
import { ask, change, correct, type Document, EMPTY, selectedLayer } from "../src/layers";
import { placementOf } from "../src/placement";
import { Runner } from "../src/runner";
import { plain } from "./images";

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown> | null;
  aborted: boolean;
  answer(status: number, body: unknown, headers?: Record<string, string>): Promise<void>;
}

let asked: Asked[];
let history: History<Document>;
let runner: Runner;
const report = { changed: vi.fn(), answered: vi.fn(), failed: vi.fn() };
const WHOLE = { bounds: null, tiled: false };

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
};

function result(expression: string, values: { id?: string; threshold?: number; present?: boolean } = {}): object {
  const { id = "result", threshold = 0.35, present = true } = values;
  const square = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]];
  return {
    id, scene: [0, 0, 100, 80], corners: null, threshold, command: "rs2sam2 segment", files: {},
    answers: [{ expression, present, score: 0.8, area_px: 100, area_m2: null, perimeter_m: null, parts: 1, message: null, warnings: [] }],
    geojson: { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: square } }] },
  };
}

beforeEach(() => {
  asked = [];
  vi.clearAllMocks();
  vi.stubGlobal("fetch", (path: string, options: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const call: Asked = {
        method: options.method ?? "GET",
        path,
        body: typeof options.body === "string" ? (JSON.parse(options.body) as Record<string, unknown>) : null,
        aborted: false,
        answer: (status, body, headers = {}) => {
          resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }));
          return settle();
        },
      };
      options.signal?.addEventListener("abort", () => {
        call.aborted = true;
        reject(new DOMException("stopped", "AbortError"));
      });
      asked.push(call);
    }),
  );
  const placement = placementOf(plain(100, 80));
  if (!placement) throw new Error("it has tiles");
  history = new History(EMPTY);
  runner = new Runner(new Api(null), history, "u-00", placement, report);
});

afterEach(() => vi.unstubAllGlobals());

const last = (): Asked => {
  const call = asked.at(-1);
  if (!call) throw new Error("nothing was asked");
  return call;
};

test("a question is asked once and its answer stands on the map", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  expect(runner.busy).toBe(true);
  expect(asked).toHaveLength(1);
  expect(last().body).toEqual({ image: "u-00", expressions: ["the pool"], coordinates: "pixels", scene: null, threshold: null });
  await last().answer(200, result("the pool"));
  const found = selectedLayer(history.present)?.answer?.found;
  expect(found?.present).toBe(true);
  expect(found?.outlines.features).toHaveLength(1);
  expect(Math.abs(Number((found?.outlines.features[0]?.geometry.coordinates as number[][][])[0]?.[0]?.[0]))).toBeCloseTo(45, 5);
  expect(runner.busy).toBe(false);
  expect(asked).toHaveLength(1);
});

test("the threshold is cut again from the result, without the model", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  await last().answer(200, result("the pool"));
  const key = history.present.selected ?? 0;
  for (const threshold of [0.4, 0.5]) history.push(change(history.present, key, { threshold }), "threshold");
  expect(asked.slice(1).map((call) => call.path)).toEqual(["/v1/results/result?threshold=0.4", "/v1/results/result?threshold=0.5"]);
  expect(asked[1]?.aborted).toBe(true);
  await last().answer(200, result("the pool", { threshold: 0.5 }));
  expect(selectedLayer(history.present)?.answer?.found.threshold).toBe(0.5);
  history.undo(); // the answer of before is still known
  expect(selectedLayer(history.present)?.answer?.found.threshold).toBe(0.35);
  expect(asked).toHaveLength(3);
});

test("a result that the server has forgotten is asked again", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  await last().answer(200, result("the pool"));
  history.push(change(history.present, history.present.selected ?? 0, { threshold: 0.7 }));
  await last().answer(404, { error: { type: "not_found", message: "no such result" } });
  expect([last().method, last().path, last().body?.["threshold"]]).toEqual(["POST", "/v1/segment", 0.7]);
});

test("clicks go with the question, all of them, in pixels; the question before is dropped", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  await last().answer(200, result("the pool"));
  const placement = placementOf(plain(100, 80));
  const key = history.present.selected ?? 0;
  const clicks = [{ place: placement?.toMap([20, 30]) ?? [0, 0], label: 1 as const }, { place: placement?.toMap([5, 6]) ?? [0, 0], label: 0 as const }];
  history.push(correct(history.present, key, { clicks: clicks.slice(0, 1) }));
  history.push(correct(history.present, key, { clicks }));
  expect(asked[1]?.aborted).toBe(true);
  expect(last().body?.["labels"]).toEqual([1, 0]);
  expect((last().body?.["points"] as number[][]).map((point) => point.map((value) => Number(value.toFixed(5))))).toEqual([[20, 30], [5, 6]]);
  await last().answer(200, result("the pool", { id: "corrected" }));
  expect(selectedLayer(history.present)?.answer?.found.result).toBe("corrected");
});

test("a refusal is told, and a layer that never had an answer goes", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  await last().answer(422, { error: { type: "invalid", message: "the scene is too small" } });
  expect(history.present.layers).toEqual([]);
  expect(report.failed.mock.calls[0]?.[1]).toMatchObject({ message: "the scene is too small", status: 422 });
  expect(asked).toHaveLength(1);
});

test("a refused correction brings the last answer's question back and is not asked again", async () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  await last().answer(200, result("the pool"));
  history.push(correct(history.present, history.present.selected ?? 0, { box: [0, 0, 1, 1] }));
  await last().answer(500, "not even JSON");
  expect(selectedLayer(history.present)?.query.box).toBeNull();
  expect(report.failed.mock.calls[0]?.[1]).toMatchObject({ message: "The server answered 500." });
  expect(asked).toHaveLength(2);
});

test("a busy server is asked again after the time that it names", async () => {
  vi.useFakeTimers();
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  const first = last().answer(429, { error: { type: "queue_full", message: "full" } }, { "Retry-After": "2" });
  await vi.advanceTimersByTimeAsync(1900);
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(300);
  await first;
  vi.useRealTimers();
  expect(asked).toHaveLength(2);
  await last().answer(200, result("the pool"));
  expect(report.failed).not.toHaveBeenCalled();
});

test("cancelled: the request is dropped, the layer goes, no complaint", () => {
  history.push(ask(EMPTY, "the pool", WHOLE, null));
  runner.cancel(history.present.selected ?? 0);
  expect(last().aborted).toBe(true);
  expect(history.present.layers).toEqual([]);
  expect(report.failed.mock.calls[0]?.[1]).toBeNull();
});

test("a job is followed to its end and its outlines are fetched", async () => {
  history.push(ask(EMPTY, "the pools", { bounds: null, tiled: true }, null));
  expect([last().method, last().path]).toEqual(["POST", "/v1/jobs"]);
  const job = { id: "j1", image: "u-00", expressions: ["the pools"], threshold: null, error: null, answers: [], files: [], tiles: null, command: "", seconds_left: 4 };
  await last().answer(202, { ...job, state: "queued", progress: 0 });
  expect(last().path).toBe("/v1/jobs/j1/events");
  const done = {
    ...job, state: "done", progress: 1, command: "rs2sam2 segment",
    answers: [{ expression: "the pools", present: true, area_px: 7, area_m2: null, parts: 2 }],
    files: [{ name: "polygons.geojson", bytes: 10, url: "/v1/jobs/j1/files/polygons.geojson" }],
  };
  const events = [{ ...job, state: "running", progress: 0.5 }, done].map((state) => `event: job\ndata: ${JSON.stringify(state)}\n\n`);
  await last().answer(200, events.join(""));
  expect(last().path).toBe("/v1/jobs/j1/files/polygons.geojson");
  await last().answer(200, { type: "FeatureCollection", features: [] });
  const found = selectedLayer(history.present)?.answer?.found;
  expect([found?.parts, found?.score, found?.result]).toEqual([2, null, null]);
  expect(asked.some((call) => call.method === "DELETE")).toBe(false);
});

test("a cancelled job is cancelled on the server", async () => {
  history.push(ask(EMPTY, "the pools", { bounds: null, tiled: true }, null));
  await last().answer(202, { id: "j1", state: "queued", progress: 0 });
  runner.cancel(history.present.selected ?? 0);
  expect([last().method, last().path]).toEqual(["DELETE", "/v1/jobs/j1"]);
  expect(history.present.layers).toEqual([]);
});
