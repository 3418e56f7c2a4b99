/** An image that is open: what was asked about it, and what runs. */

import { type Api, isOver } from "./api";
import { History } from "./history";
import { ask, correct, type Document, EMPTY, type Layer, selectedLayer } from "./layers";
import { type Placement, placementOf } from "./placement";
import { type Report, Runner } from "./runner";
import type { Four, ImageInfo, Pair } from "./types";

export class Session {
  readonly image: ImageInfo;
  readonly placement: Placement;
  readonly history = new History<Document>(EMPTY);
  readonly runner: Runner;

  constructor(api: Api, image: ImageInfo, report: Report) {
    const placement = placementOf(image);
    if (!placement) throw new Error(`${image.name}: the server gives no tiles of it.`);
    this.image = image;
    this.placement = placement;
    this.runner = new Runner(api, this.history, image.id, placement, report);
  }

  get selected(): Layer | null {
    return selectedLayer(this.history.present);
  }

  /** Whether clicks and boxes have something to correct: an answer that came from one look. */
  get canCorrect(): boolean {
    return this.selected !== null && !this.selected.query.scene.tiled && this.selected.visible;
  }

  select(key: number): void {
    this.history.replace({ ...this.history.present, selected: key });
  }

  click(place: Pair, label: 0 | 1): void {
    const layer = this.selected;
    if (layer) this.#correct(layer, { clicks: [...layer.query.clicks, { place, label }] });
  }

  takeClick(index: number): void {
    const layer = this.selected;
    if (layer) this.#correct(layer, { clicks: layer.query.clicks.filter((_, other) => other !== index) });
  }

  box(box: Four): void {
    if (this.selected) this.#correct(this.selected, { box });
  }

  /** The last click, or the box when there is none. */
  takeLast(): void {
    const layer = this.selected;
    if (!layer) return;
    if (layer.query.clicks.length) this.takeClick(layer.query.clicks.length - 1);
    else this.#correct(layer, { box: null });
  }

  takeAll(): void {
    if (this.selected) this.#correct(this.selected, { clicks: [], box: null });
  }

  #correct(layer: Layer, values: Parameters<typeof correct>[2]): void {
    this.history.push(correct(this.history.present, layer.key, values));
  }

  /**
   * Jobs about this image that the server has from before: a page that was closed meanwhile goes on with them. They lie
   * below what was asked here, and what is selected stays so.
   */
  async adoptJobs(api: Api): Promise<void> {
    for (const job of await api.jobs()) {
      const wanted = !isOver(job) || job.state === "done";
      if (job.image !== this.image.id || job.expressions.length !== 1 || !wanted) continue;
      const { layers, selected } = ask(this.history.present, job.expressions[0] ?? "", TILED, job.threshold, job.id);
      const adopted = layers.slice(-1);
      this.history.amend((document) => ({
        layers: [...adopted, ...document.layers],
        selected: document.selected ?? selected,
      }));
    }
  }
}

const TILED = { bounds: null, tiled: true };
