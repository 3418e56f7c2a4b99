/** The page put together: events of its parts lead to steps in the document, and the document is shown by its parts. */

import { type Api, ApiError, withThreshold } from "./api";
import { AskForm } from "./ask_form";
import { Details } from "./details";
import { byId, setText } from "./dom";
import { area, count, percent } from "./format";
import { extent, type Found } from "./found";
import { Images, showImageName } from "./images";
import { startKeys } from "./keys";
import { LayerList } from "./layer_list";
import { ask, change, type Layer, remove } from "./layers";
import { MapView } from "./map_view";
import { complain, hush, say } from "./notices";
import { save } from "./save";
import { Session } from "./session";
import { startTheme } from "./theme";
import { type Tool, Tools } from "./tools";
import type { About, Four, ImageInfo } from "./types";

const HINTS: Record<Tool, string> = {
  add: "Click what was missed · right-click or Shift-click what was too much",
  remove: "Click what was too much · right-click or Shift-click what was missed",
  box: "Draw a box around what is meant",
  move: "Drag to move · click an outline to select its layer",
  scene: "Draw the part of the image that the next expression is about",
};

const ONE_PLACE = " All its masks are from one place: before you train, keep some from another, to validate on.";

export async function startApp(api: Api, about: About): Promise<void> {
  const view = await MapView.create(byId("map"), api, about.basemap);
  new App(api, about, view);
}

class App {
  readonly #api: Api;
  readonly #view: MapView;
  readonly #images: Images;
  readonly #form: AskForm;
  readonly #list: LayerList;
  readonly #details: Details;
  readonly #tools: Tools;
  readonly #prompts: boolean;
  /** Every image that was opened keeps its layers. */
  #sessions = new Map<string, Session>();
  #session: Session | null = null;

  constructor(api: Api, about: About, view: MapView) {
    this.#api = api;
    this.#view = view;
    this.#prompts = about.capabilities.prompts;
    this.#images = new Images(api, about.limits, (image) => this.#open(image));
    this.#list = new LayerList(byId("layers"), {
      select: (key) => this.#session?.select(key),
      toggle: (key) => this.#toggle(key),
      remove: (key) => this.#remove(key),
      cancel: (key) => this.#session?.runner.cancel(key),
    });
    this.#details = new Details(
      {
        change: (values, gesture) => this.#change(values, gesture),
        takeLast: () => this.#session?.takeLast(),
        takeAll: () => this.#session?.takeAll(),
        export: (file) => void this.#export(file),
        copy: (command) => void this.#copy(command),
        keep: (category) => void this.#keep(category),
        dataset: () => void this.#saveDataset(),
        show: () => this.#showSelected(),
      },
      { pseudoMask: about.capabilities.pseudo_mask, ownThreshold: about.weights.mask_threshold },
    );
    this.#tools = new Tools(view, {
      click: (place, label) => this.#session?.click(place, label),
      takeClick: (index) => this.#session?.takeClick(index),
      box: (box) => this.#session?.box(box),
      scene: (box) => this.#form.drawn(box),
      select: (key) => this.#session?.select(key),
      changed: () => this.#render(),
    });
    this.#form = new AskForm(
      {
        ask: (expression, scene) => {
          hush();
          this.#session?.history.push(ask(this.#session.history.present, expression, scene, null));
        },
        draw: (wanted) => (wanted ? this.#tools.use("scene") : this.#tools.escape()),
        area: (bounds: Four | null) => this.#view.showScene(bounds),
        seen: () => this.#view.seen(),
      },
      about.limits,
      about.capabilities.raster_jobs,
    );
    api.onBusy = (pause) => say(`The server is busy; asked again in ${Math.ceil(pause / 1000)} s.`);
    this.#startButtons();
    this.#startKeys();
    startTheme(byId("theme"), () => this.#view.refreshGround());
    const { weights, version } = about;
    setText(byId("about"), `rs2sam2 ${version}, weights ${weights.name} (${weights.license}), sha256 ${weights.sha256.slice(0, 12)}`);
    this.#tools.use("add");
    void this.#openFirst();
  }

  /** The image of the address, or the only one there is; otherwise the choice. */
  async #openFirst(): Promise<void> {
    try {
      const listed = await this.#images.list();
      if (this.#images.began) return; // a file was dropped meanwhile
      const named = new URLSearchParams(location.hash.slice(1)).get("image");
      const first = listed.find((image) => image.id === named) ?? (listed.length === 1 ? listed[0] : undefined);
      await (first ? this.#images.open(first.id) : this.#images.show());
    } catch (error) {
      complain(error);
    }
  }

  #open(image: ImageInfo): void {
    hush();
    let session = this.#sessions.get(image.id);
    if (!session) {
      session = new Session(this.#api, image, {
        changed: () => this.#render(),
        answered: (layer, found) => this.#answered(layer, found),
        failed: (layer, error) => this.#failed(layer, error),
      });
      session.history.subscribe(() => this.#render());
      this.#sessions.set(image.id, session);
      void session.adoptJobs(this.#api).catch(complain);
    }
    this.#session = session;
    history.replaceState(null, "", `#${new URLSearchParams({ image: image.id }).toString()}`);
    showImageName(image);
    this.#view.open(session.placement);
    this.#form.open(image, session.placement);
    this.#render();
    this.#form.focus();
  }

  #render(): void {
    const session = this.#session;
    byId("hint").hidden = !session || (!session.canCorrect && ["add", "remove", "box"].includes(this.#tools.tool));
    setText(byId("hint"), HINTS[this.#tools.tool]);
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset["tool"] === this.#tools.tool));
      button.hidden = !this.#prompts && button.dataset["tool"] !== "move";
    }
    if (!session) return;
    this.#tools.canCorrect = this.#prompts && session.canCorrect;
    byId<HTMLButtonElement>("undo").disabled = !session.history.canUndo;
    byId<HTMLButtonElement>("redo").disabled = !session.history.canRedo;
    byId("no-layers").hidden = session.history.present.layers.length > 0;
    this.#list.render(session.history.present, (key) => session.runner.get(key));
    this.#details.render(session.selected);
    this.#view.sync(session.history.present);
    byId("map").setAttribute("aria-busy", String(session.runner.busy));
  }

  #answered(layer: Layer, found: Found): void {
    this.#render();
    if (!found.present) return say(`Nothing here matches “${layer.query.expression}”.`, "nothing");
    const score = found.score === null ? "" : `, score ${percent(found.score)}`;
    say(`Found ${layer.name}: ${count(found.parts, "part")}, ${area(found.areaM2, found.areaPx)}${score}.`);
  }

  #failed(layer: Layer, error: unknown): void {
    if (!layer.answer) this.#form.restore(layer.query.expression);
    if (error === null) say(`Stopped: ${layer.name}.`);
    else complain(error);
  }

  #toggle(key: number): void {
    const history = this.#session?.history;
    const layer = history?.present.layers.find((other) => other.key === key);
    if (history && layer) history.push(change(history.present, key, { visible: !layer.visible }));
  }

  #remove(key: number): void {
    const history = this.#session?.history;
    if (!history) return;
    history.push(remove(history.present, key));
    if (history.present.selected === null) this.#form.focus();
    else this.#list.focus(history.present.selected);
  }

  #change(values: Parameters<typeof change>[2], gesture: string): void {
    const layer = this.#session?.selected;
    if (layer) this.#session?.history.push(change(this.#session.history.present, layer.key, values), `${gesture} ${layer.key}`);
  }

  #showSelected(): void {
    const found = this.#session?.selected?.answer?.found;
    const around = found && extent(found);
    if (around) this.#view.show(around);
  }

  async #export(file: string): Promise<void> {
    const layer = this.#session?.selected;
    const path = layer?.answer?.found.files[file];
    if (layer && path) await this.#save(layer.query.scene.tiled ? path : withThreshold(path, layer.answer?.threshold ?? null));
  }

  async #save(path: string, more = ""): Promise<void> {
    try {
      say(`Saved ${await save(this.#api, path)}.${more}`);
    } catch (error) {
      complain(error);
    }
  }

  /** With a part for validation; without one where the masks are from too few places for it. */
  async #saveDataset(): Promise<void> {
    const path = "/v1/corrections/dataset.zip";
    try {
      say(`Saved ${await save(this.#api, path)}.`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 422) await this.#save(`${path}?val=0&test=0`, ONE_PLACE);
      else complain(error);
    }
  }

  async #copy(command: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(command);
      say("Copied.");
    } catch {
      complain(new Error("This browser does not let the page copy: select the text and copy it."));
    }
  }

  async #keep(category: string): Promise<void> {
    const answer = this.#session?.selected?.answer;
    if (!answer?.found.result) return;
    try {
      const kept = await this.#api.keep(answer.found.result, answer.threshold, category);
      say(`Kept. The data set has ${count(kept.count, "mask")} now.`);
    } catch (error) {
      complain(error);
    }
  }

  #startButtons(): void {
    const click = (id: string, action: () => unknown): void => byId(id).addEventListener("click", () => void action());
    click("undo", () => this.#session?.history.undo());
    click("redo", () => this.#session?.history.redo());
    click("help", () => byId<HTMLDialogElement>("help-dialog").showModal());
    click("zoom-in", () => this.#view.map.zoomIn());
    click("zoom-out", () => this.#view.map.zoomOut());
    click("fit", () => this.#view.fit());
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
      button.addEventListener("click", () => this.#tools.use(button.dataset["tool"] as Tool));
    }
    for (const button of document.querySelectorAll("dialog .close")) {
      button.addEventListener("click", () => button.closest("dialog")?.close());
    }
  }

  #startKeys(): void {
    const use = (tool: Tool) => () => this.#prompts && this.#tools.use(tool);
    startKeys(this.#view.map.getCanvas(), {
      undo: () => this.#session?.history.undo(),
      redo: () => this.#session?.history.redo(),
      page: {
        "/": () => this.#form.focus(),
        "?": () => byId<HTMLDialogElement>("help-dialog").showModal(),
        o: () => void this.#images.show(),
        delete: () => this.#session?.selected && this.#remove(this.#session.selected.key),
        f2: () => byId("name").focus(),
        escape: () => this.#tools.escape(),
      },
      map: { a: use("add"), r: use("remove"), b: use("box"), m: () => this.#tools.use("move"), f: () => this.#view.fit(), z: () => this.#showSelected() },
    });
  }
}
