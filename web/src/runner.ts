/** Keeps the answers of all layers up to date: asks what has no answer yet, stops what nobody waits for any more. */

import type { FeatureCollection } from "geojson";
import { type Api, ApiError, isAbort } from "./api";
import { type Found, fromJob, fromResult } from "./found";
import type { History } from "./history";
import { change, type Document, isFresh, type Layer, type Query, remove } from "./layers";
import { boxToServer, type Placement } from "./placement";
import type { Job, SegmentRequest } from "./types";

/** Outlines of a job above this are shown as tiles of its mask. */
const LARGEST_OUTLINES = 12_000_000;

export interface Run {
  /** 0..1; null while nothing is known. */
  progress: number | null;
  secondsLeft: number | null;
}

interface Current extends Run {
  query: Query;
  threshold: number | null;
  abort: AbortController;
  /** The server's job, which is to be cancelled with the run. */
  job: string | null;
}

export interface Report {
  /** Something began, went on or ended. */
  changed(): void;
  answered(layer: Layer, found: Found): void;
  /** `error` null: the user stopped it. */
  failed(layer: Layer, error: unknown): void;
}

export class Runner {
  #runs = new Map<number, Current>();
  readonly #api: Api;
  readonly #history: History<Document>;
  readonly #image: string;
  readonly #placement: Placement;
  readonly #report: Report;

  constructor(api: Api, history: History<Document>, image: string, placement: Placement, report: Report) {
    this.#api = api;
    this.#history = history;
    this.#image = image;
    this.#placement = placement;
    this.#report = report;
    history.subscribe((document) => this.#refresh(document));
  }

  get(key: number): Run | null {
    return this.#runs.get(key) ?? null;
  }

  get busy(): boolean {
    return this.#runs.size > 0;
  }

  /** Stops what runs for a layer, which goes back to its last answer; one without an answer goes away. */
  cancel(key: number): void {
    const layer = this.#history.present.layers.find((other) => other.key === key);
    if (layer && this.#runs.has(key)) {
      this.#stop(key);
      this.#giveUp(layer, null);
    }
  }

  #refresh(document: Document): void {
    for (const [key, run] of this.#runs) {
      const layer = document.layers.find((other) => other.key === key);
      if (layer?.query !== run.query || layer.threshold !== run.threshold) this.#stop(key);
    }
    for (const layer of document.layers) {
      if (!isFresh(layer) && !this.#runs.has(layer.key)) void this.#start(layer);
    }
  }

  #stop(key: number): void {
    const run = this.#runs.get(key);
    this.#runs.delete(key);
    if (run?.job) void this.#api.cancelJob(run.job).catch(() => undefined); // it may have ended meanwhile
    run?.abort.abort();
  }

  async #start(layer: Layer): Promise<void> {
    const { key, query, threshold } = layer;
    const run: Current = { query, threshold, progress: null, secondsLeft: null, abort: new AbortController(), job: null };
    this.#runs.set(key, run);
    this.#report.changed();
    const isMine = (): boolean => this.#runs.get(key) === run;
    try {
      const found = query.scene.tiled ? await this.#job(query, threshold, run) : await this.#look(layer, run.abort.signal);
      if (!isMine()) return;
      this.#runs.delete(key);
      const answer = { query, threshold, found };
      this.#history.amend((document) => withAnswer(document, key, answer));
      this.#report.answered(layer, found);
    } catch (error) {
      if (!isMine()) return;
      this.#runs.delete(key);
      this.#giveUp(layer, isAbort(error) ? null : error);
    }
  }

  async #look(layer: Layer, signal: AbortSignal): Promise<Found> {
    const { query, threshold, answer } = layer;
    if (answer?.query === query && answer.found.result !== null) {
      try {
        return fromResult(await this.#api.recut(answer.found.result, threshold, signal), this.#placement);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 404)) throw error; // forgotten there: asked again
      }
    }
    return fromResult(await this.#api.segment(this.#request(query, threshold), signal), this.#placement);
  }

  async #job(query: Query, threshold: number | null, run: Current): Promise<Found> {
    const signal = run.abort.signal;
    run.job = query.job ?? (await this.#api.startJob(this.#request(query, threshold), signal)).id;
    if (signal.aborted) void this.#api.cancelJob(run.job).catch(() => undefined);
    let last: Job | null = null;
    for await (const job of this.#api.follow(run.job, signal)) {
      last = job;
      run.progress = job.progress;
      run.secondsLeft = job.seconds_left;
      this.#report.changed();
    }
    run.job = null;
    if (last?.state === "cancelled") throw new DOMException("stopped", "AbortError");
    if (last?.state !== "done") throw new Error(last?.error ?? "The job ended without an answer.");
    return fromJob(last, await this.#outlines(last, signal), this.#placement);
  }

  async #outlines(job: Job, signal: AbortSignal): Promise<FeatureCollection | null> {
    const file = job.files.find((other) => other.name === "polygons.geojson");
    if (!file || file.bytes > LARGEST_OUTLINES) return null;
    return JSON.parse(await (await this.#api.file(file.url, signal)).blob.text()) as FeatureCollection;
  }

  #request(query: Query, threshold: number | null): SegmentRequest {
    const { scene, clicks, box } = query;
    const request: SegmentRequest = {
      image: this.#image,
      expressions: [query.expression],
      coordinates: this.#placement.coordinates,
      scene: scene.bounds && boxToServer(this.#placement, scene.bounds),
      threshold,
    };
    if (clicks.length) {
      request.points = clicks.map((click) => this.#placement.toServer(click.place));
      request.labels = clicks.map((click) => click.label);
    }
    if (box) request.box = boxToServer(this.#placement, box);
    return request;
  }

  #giveUp(layer: Layer, error: unknown): void {
    this.#history.amend((document) => withoutQuestion(document, layer));
    this.#report.failed(layer, error);
    this.#report.changed();
  }
}

function withAnswer(document: Document, key: number, answer: NonNullable<Layer["answer"]>): Document {
  const asked = document.layers.some(
    (layer) => layer.key === key && layer.query === answer.query && layer.threshold === answer.threshold,
  );
  return asked ? change(document, key, { answer }) : document;
}

function withoutQuestion(document: Document, { key, query, threshold, answer }: Layer): Document {
  const asked = document.layers.some((other) => other.key === key && other.query === query && other.threshold === threshold);
  if (!asked) return document;
  return answer ? change(document, key, { query: answer.query, threshold: answer.threshold }) : remove(document, key);
}
