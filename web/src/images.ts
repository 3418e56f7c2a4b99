/** The images that can be opened: those the server lists, and files picked or dropped. */

import { type Api, pause } from "./api";
import { byId, h, setText } from "./dom";
import { bytes } from "./format";
import { complain, say } from "./notices";
import type { About, ImageInfo } from "./types";

export class Images {
  readonly #api: Api;
  readonly #limits: About["limits"];
  readonly #opened: (image: ImageInfo) => void;
  readonly #dialog = byId<HTMLDialogElement>("open-dialog");
  #listed: ImageInfo[] = [];
  #opening: AbortController | null = null;

  /** `opened` gets each image when it is ready. */
  constructor(api: Api, limits: About["limits"], opened: (image: ImageInfo) => void) {
    this.#api = api;
    this.#limits = limits;
    this.#opened = opened;
    const file = byId<HTMLInputElement>("file");
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      file.value = ""; // the same file can be chosen again
      if (chosen) void this.upload(chosen);
    });
    byId("filter").addEventListener("input", () => this.#render());
    byId("open").addEventListener("click", () => void this.show());
    this.#acceptDrops();
  }

  /** Whether an image was chosen already. */
  get began(): boolean {
    return this.#opening !== null;
  }

  /** The dialog with the list, as the server has it now. */
  async show(): Promise<void> {
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      await this.list();
    } catch (error) {
      complain(error);
    }
  }

  async list(): Promise<ImageInfo[]> {
    this.#listed = await this.#api.images();
    this.#render();
    return this.#listed;
  }

  /** Opens a listed image; waits while the server prepares it. */
  async open(id: string): Promise<void> {
    await this.#load(async (signal) => this.#api.image(id, signal));
  }

  async upload(file: File): Promise<void> {
    if (file.size > this.#limits.upload_bytes) {
      const limit = bytes(this.#limits.upload_bytes);
      return complain(new Error(`${file.name} has ${bytes(file.size)}; this server takes ${limit} at the most.`));
    }
    say(`Sending ${file.name}…`);
    await this.#load(async (signal) => this.#api.upload(file, signal));
  }

  /** One image at a time: opening another stops what was being opened. */
  async #load(first: (signal: AbortSignal) => Promise<ImageInfo>): Promise<void> {
    this.#opening?.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    this.#dialog.close();
    try {
      let image = await first(signal);
      while (image.state === "new" || image.state === "preparing") {
        say(`Preparing ${image.name}: ${Math.round(image.progress * 100)} %`);
        await pause(700, signal);
        image = await this.#api.image(image.id, signal);
      }
      if (image.state === "failed") throw new Error(`${image.name}: ${image.error ?? "it cannot be opened"}`);
      this.#opened(image);
    } catch (error) {
      complain(error);
    }
  }

  #render(): void {
    const wanted = byId<HTMLInputElement>("filter").value.trim().toLowerCase();
    const shown = this.#listed.filter((image) => image.name.toLowerCase().includes(wanted));
    byId("listed").hidden = this.#listed.length === 0;
    byId("images").replaceChildren(
      ...shown.map((image) => {
        const button = h("button", { type: "button" }, h("strong", {}, image.name), h("small", {}, describe(image)));
        button.addEventListener("click", () => void this.open(image.id));
        return h("li", {}, button);
      }),
    );
  }

  #acceptDrops(): void {
    const veil = byId("drop");
    let inside = 0; // enter and leave come for every element that is crossed
    const hasFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    addEventListener("dragenter", (event) => {
      if (hasFile(event)) veil.hidden = ++inside === 0;
    });
    addEventListener("dragleave", (event) => {
      if (hasFile(event)) veil.hidden = --inside <= 0;
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      inside = 0;
      veil.hidden = true;
      const file = event.dataTransfer?.files[0];
      if (file) void this.upload(file);
    });
  }
}

/** The image's name and facts at the top of the panel. */
export function showImageName(image: ImageInfo): void {
  setText(byId("image-name"), image.name);
  setText(byId("image-facts"), describe(image));
  document.title = `${image.name} – rs2sam2`;
}

function describe(image: ImageInfo): string {
  const facts: string[] = [];
  if (image.width !== null && image.height !== null) facts.push(`${image.width} × ${image.height} px`);
  if (image.metres_per_pixel !== null) facts.push(`${Number(image.metres_per_pixel.toPrecision(2))} m per px`);
  if (image.crs) facts.push(image.crs);
  else if (image.width !== null) facts.push("no coordinates");
  if (image.state === "failed") facts.push(image.error ?? "cannot be opened");
  return facts.join(" · ") || (image.kind === "raster" ? "raster on the server" : "uploaded");
}
