/** The service's HTTP interface: one method for each thing the page asks. */

import { readEvents } from "./events";
import type { About, Correction, ImageInfo, Job, Result, SegmentRequest } from "./types";

/** How often a busy server is asked again, and the longest pause between two questions. */
const TRIES = 6;
const LONGEST_PAUSE = 20_000;

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Whether an error is what an `AbortController` of ours brought about. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** One line about anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof TypeError) return "The server does not answer.";
  return error instanceof Error ? error.message : String(error);
}

export class Api {
  token: string | null;
  /** Called with the milliseconds until the next try when the server is busy. */
  onBusy: (pause: number) => void = () => undefined;

  constructor(token: string | null) {
    this.token = token;
  }

  /** Headers that every request carries; MapLibre's, too. */
  headers(): Record<string, string> {
    return this.token === null ? {} : { Authorization: `Bearer ${this.token}` };
  }

  about(): Promise<About> {
    return this.#json("GET", "/v1/about");
  }

  async images(): Promise<ImageInfo[]> {
    return (await this.#json<{ images: ImageInfo[] }>("GET", "/v1/images")).images;
  }

  image(id: string, signal?: AbortSignal): Promise<ImageInfo> {
    return this.#json("GET", `/v1/images/${encodeURIComponent(id)}`, undefined, signal);
  }

  upload(file: File, signal: AbortSignal): Promise<ImageInfo> {
    const form = new FormData();
    form.append("file", file, file.name);
    return this.#json("POST", "/v1/images", form, signal);
  }

  segment(request: SegmentRequest, signal: AbortSignal): Promise<Result> {
    return this.#json("POST", "/v1/segment", request, signal);
  }

  /** The same answer, cut at another threshold; no model runs. */
  recut(result: string, threshold: number | null, signal: AbortSignal): Promise<Result> {
    return this.#json("GET", withThreshold(`/v1/results/${encodeURIComponent(result)}`, threshold), undefined, signal);
  }

  startJob(request: SegmentRequest, signal: AbortSignal): Promise<Job> {
    return this.#json("POST", "/v1/jobs", request, signal);
  }

  async jobs(): Promise<Job[]> {
    return (await this.#json<{ jobs: Job[] }>("GET", "/v1/jobs")).jobs;
  }

  async cancelJob(id: string): Promise<void> {
    await this.#send("DELETE", `/v1/jobs/${encodeURIComponent(id)}`);
  }

  /** States of a job until it ends. A stream that breaks off is opened again. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<Job, void> {
    const path = `/v1/jobs/${encodeURIComponent(id)}/events`;
    for (;;) {
      const response = await this.#send("GET", path, undefined, signal);
      try {
        for await (const event of readEvents(response)) {
          const job = JSON.parse(event.data) as Job;
          yield job;
          if (isOver(job)) return;
        }
      } catch (error) {
        if (signal.aborted) throw error;
      }
      await pause(1000, signal);
    }
  }

  keep(result: string, threshold: number | null, category: string): Promise<Correction> {
    return this.#json("POST", "/v1/corrections", { result, answer: 0, threshold, category });
  }

  /** A file, and the name that the server gives it. */
  async file(path: string, signal?: AbortSignal): Promise<{ blob: Blob; name: string }> {
    const response = await this.#send("GET", path, undefined, signal);
    const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
    const last = new URL(path, location.href).pathname.split("/").pop();
    return { blob: await response.blob(), name: named ?? last ?? "file" };
  }

  async #json<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    return (await (await this.#send(method, path, body, signal)).json()) as T;
  }

  async #send(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const isForm = body instanceof FormData;
    const headers = { ...this.headers(), ...(body && !isForm ? { "Content-Type": "application/json" } : {}) };
    const content = body === undefined ? null : isForm ? body : JSON.stringify(body);
    for (let tried = 1; ; tried++) {
      const response = await fetch(path, { method, headers, body: content, signal: signal ?? null });
      if (response.ok) return response;
      const after = Number(response.headers.get("Retry-After")) * 1000;
      const busy = response.status === 429 || response.status === 503;
      if (!busy || !(after > 0) || tried === TRIES) throw new ApiError(response.status, await complaint(response));
      const wait = Math.min(after, LONGEST_PAUSE);
      this.onBusy(wait);
      await pause(wait, signal);
    }
  }
}

export function isOver(job: Job): boolean {
  return job.state === "done" || job.state === "failed" || job.state === "cancelled";
}

/** An address with the threshold that is to be cut at; null is the weights' own. */
export function withThreshold(path: string, threshold: number | null): string {
  const url = new URL(path, location.href);
  if (threshold !== null) url.searchParams.set("threshold", String(threshold));
  return url.pathname + url.search;
}

async function complaint(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error: { message: string; details?: { message: string }[] } };
    const first = body.error.details?.[0]?.message;
    return first && !body.error.message.includes(first) ? `${body.error.message}: ${first}` : body.error.message;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new DOMException("stopped", "AbortError"));
    const stop = (): void => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
