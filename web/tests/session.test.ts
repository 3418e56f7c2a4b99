import { expect, test, vi } from "vitest";
import { Api } from "../src/api";
import { ask } from "../src/layers";
import { Session } from "../src/session";
import type { Job } from "../src/types";
import { plain } from "./images";

test("jobs from before lie below what was asked, take no selection, and outlive an undo", async () => {
  vi.stubGlobal("fetch", () => new Promise(() => undefined)); // nothing is answered
  const api = new Api(null);
  const job = { image: "u-00", expressions: ["newest"], threshold: null, state: "done" };
  const jobs = [job, { ...job, expressions: ["older"] }, { ...job, state: "cancelled" }, { ...job, image: "other" }];
  vi.spyOn(api, "jobs").mockResolvedValue(jobs.map((values, index) => ({ ...values, id: `j${index}` }) as unknown as Job));
  const session = new Session(api, plain(100, 80), { changed: vi.fn(), answered: vi.fn(), failed: vi.fn() });
  session.history.push(ask(session.history.present, "mine", { bounds: null, tiled: false }, null));
  await session.adoptJobs(api);
  const names = (): string[] => session.history.present.layers.map((layer) => layer.name);
  expect(names()).toEqual(["older", "newest", "mine"]);
  expect(session.selected?.name).toBe("mine");
  expect(session.canCorrect).toBe(true);
  session.history.undo();
  expect(names()).toEqual(["older", "newest"]);
  vi.unstubAllGlobals();
});
