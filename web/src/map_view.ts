/** The map: an image, the layers over it, and what is being drawn. It shows a document; it decides nothing. */

import type { Feature, FeatureCollection } from "geojson";
import * as maplibre from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Api } from "./api";
import { LayerOnMap } from "./layer_on_map";
import { type Document, EMPTY, selectedLayer } from "./layers";
import { corners, type Placement } from "./placement";
import type { About, Four, Pair } from "./types";

// As a file of its own: the page's policy allows no workers made from text.
maplibre.setWorkerUrl(new URL(workerUrl, document.baseURI).href);

/** Around the whole image; the tools stand at the right. */
const MARGIN = { top: 24, bottom: 36, left: 24, right: 72 };
/** Milliseconds. */
const MOVE = 400;
const MARKS = "marks";
const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };

export class MapView {
  readonly map: maplibre.Map;
  readonly #api: Api;
  readonly #basemap: About["basemap"];
  readonly #scale = new maplibre.ScaleControl({ maxWidth: 120 });
  #placement: Placement | null = null;
  #layers = new Map<number, LayerOnMap>();
  #document = EMPTY;
  #sketch: Four | null = null;
  /** The area that the next expression will be about. */
  #nextScene: Four | null = null;

  /** A map that is ready to show an image. */
  static async create(container: HTMLElement, api: Api, basemap: About["basemap"]): Promise<MapView> {
    const view = new MapView(container, api, basemap);
    await new Promise<void>((resolve) => view.map.once("style.load", () => resolve()));
    view.#prepare();
    return view;
  }

  private constructor(container: HTMLElement, api: Api, basemap: About["basemap"]) {
    this.#api = api;
    this.#basemap = basemap;
    this.map = new maplibre.Map({
      container,
      style: {
        version: 8,
        sources: {},
        layers: [{ id: "ground", type: "background", paint: { "background-color": groundColour() } }],
      },
      attributionControl: false,
      boxZoom: false, // Shift-click removes
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      maxZoom: 26,
      renderWorldCopies: false,
      fadeDuration: 150,
      transformRequest: (url) => (isOurs(url) ? { url, headers: this.#api.headers() } : { url }),
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    // For whoever waits for the picture, such as tests: whether more of it is to come. See #stir.
    this.map.on("movestart", () => this.#stir());
    this.map.on("idle", () => (container.dataset["still"] = "true"));
    // A tile that is missing is no reason to alarm anybody; the console would say it in red.
    this.map.on("error", (event) => console.warn(event.error.message));
  }

  #prepare(): void {
    for (const [name, picture] of [["add", mark("+", "#0a7d52")], ["remove", mark("−", "#c2313a")]] as const) {
      this.map.addImage(name, picture, { pixelRatio: 2 });
    }
    this.map.addSource(MARKS, { type: "geojson", data: NOTHING, maxzoom: 24 });
    const dashes = { "line-width": 1.5, "line-dasharray": [3, 2.5] };
    this.map.addLayer({
      id: "mark-casing", type: "line", source: MARKS, filter: ["has", "line"],
      paint: { "line-color": "#000000", "line-opacity": 0.55, "line-width": 3.5 },
    });
    this.map.addLayer({
      id: "mark-lines", type: "line", source: MARKS, filter: ["has", "line"],
      paint: { ...dashes, "line-color": ["match", ["get", "line"], "scene", "#ffffff", "#ffe14a"] },
    });
    this.map.addLayer({
      id: "mark-clicks", type: "symbol", source: MARKS, filter: ["has", "mark"],
      layout: { "icon-image": ["get", "mark"], "icon-allow-overlap": true, "icon-ignore-placement": true },
    });
  }

  /** Shows an image instead of the one before; nothing of that one's layers stays. */
  open(placement: Placement): void {
    for (const layer of this.#layers.values()) layer.remove();
    this.#layers.clear();
    for (const id of ["image", "basemap"]) {
      if (this.map.getLayer(id)) this.map.removeLayer(id);
      if (this.map.getSource(id)) this.map.removeSource(id);
    }
    this.#placement = placement;
    const onEarth = placement.coordinates === "lonlat";
    if (onEarth && this.#basemap) this.#addTiles("basemap", { url: this.#basemap.url, minzoom: 0, maxzoom: 19, tile_size: 256 });
    this.#addTiles("image", placement.tiles, placement.bounds);
    if (this.map.hasControl(this.#scale)) this.map.removeControl(this.#scale);
    if (onEarth) this.map.addControl(this.#scale, "bottom-right");
    this.fit(0);
  }

  #addTiles(id: string, tiles: Placement["tiles"], bounds?: Four): void {
    this.map.addSource(id, {
      type: "raster",
      tiles: [new URL(tiles.url, location.href).href.replaceAll("%7B", "{").replaceAll("%7D", "}")],
      tileSize: tiles.tile_size,
      minzoom: tiles.minzoom,
      maxzoom: tiles.maxzoom,
      ...(bounds ? { bounds } : {}),
    });
    const paint = calm() ? { "raster-fade-duration": 0 } : {};
    this.map.addLayer({ id, type: "raster", source: id, paint }, "mark-casing");
  }

  /** Brings the layers up to what the document says; the last of it lies on top. */
  sync(document: Document): void {
    if (!this.#placement) return;
    const wanted = new Set(document.layers.map((layer) => layer.key));
    for (const [key, shown] of this.#layers) {
      if (wanted.has(key)) continue;
      shown.remove();
      this.#layers.delete(key);
    }
    for (const layer of document.layers) {
      let shown = this.#layers.get(layer.key);
      if (!shown) this.#layers.set(layer.key, (shown = new LayerOnMap(this.map, this.#api, layer.key, this.#placement)));
      shown.show(layer, layer.key === document.selected);
      shown.raise("mark-casing");
    }
    this.#sketch = null;
    this.#document = document;
    this.#drawMarks();
  }

  /** A box that is being drawn; null takes it away. */
  sketch(box: Four | null): void {
    this.#sketch = box;
    this.#drawMarks();
  }

  /** The area that the next expression will be about; null for none in particular. */
  showScene(area: Four | null): void {
    this.#nextScene = area;
    this.#drawMarks();
  }

  #stir(): void {
    this.map.getContainer().dataset["still"] = "false";
  }

  #drawMarks(): void {
    this.#stir();
    const layer = selectedLayer(this.#document);
    const features: Feature[] = [];
    const box = (bounds: Four | null, line: string): void => {
      if (bounds) features.push(feature({ line }, [...corners(bounds), [bounds[0], bounds[3]]]));
    };
    box(this.#nextScene, "scene");
    if (layer?.visible) {
      if (layer.query.scene.bounds !== this.#nextScene) box(layer.query.scene.bounds, "scene");
      box(layer.query.box, "box");
      for (const click of layer.query.clicks) features.push(feature({ mark: click.label ? "add" : "remove" }, click.place));
    }
    box(this.#sketch, "box");
    (this.map.getSource(MARKS) as maplibre.GeoJSONSource).setData({ type: "FeatureCollection", features });
  }

  /** Shows the whole image. */
  fit(duration = MOVE): void {
    if (this.#placement) this.#goTo(this.#placement.bounds, duration);
  }

  /** Shows an area with what lies around it. */
  show([west, south, east, north]: Four): void {
    const [x, y] = [east - west, north - south];
    this.#goTo([west - x, south - y, east + x, north + y], MOVE);
  }

  #goTo(bounds: Four, duration: number): void {
    this.map.fitBounds(bounds, { padding: MARGIN, duration: calm() ? 0 : duration, maxZoom: 26 });
  }

  /** west, south, east, north of what is seen. */
  seen(): Four {
    const bounds = this.map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }

  centre(): Pair {
    const { lng, lat } = this.map.getCenter();
    return [lng, lat];
  }

  /** The key of the topmost layer whose outline is under a point of the screen. */
  layerAt(point: maplibre.PointLike): number | null {
    const ids = [...this.#layers.values()].flatMap((layer) => layer.touchable());
    const id = this.map.queryRenderedFeatures(point, { layers: ids })[0]?.layer.id;
    return [...this.#layers].find(([, layer]) => id !== undefined && layer.touchable().includes(id))?.[0] ?? null;
  }

  /** The number of the selected layer's click whose mark is under a point of the screen. */
  clickAt(point: { x: number; y: number }): number | null {
    const clicks = selectedLayer(this.#document)?.query.clicks ?? [];
    const near = clicks.findIndex((click) => {
      const shown = this.map.project(click.place);
      return Math.hypot(shown.x - point.x, shown.y - point.y) <= 10;
    });
    return near < 0 ? null : near;
  }

  /** Light and dark have another ground. */
  refreshGround(): void {
    this.map.setPaintProperty("ground", "background-color", groundColour());
  }
}

function feature(properties: Record<string, string>, shape: Pair | Pair[]): Feature {
  const isPoint = typeof shape[0] === "number";
  const geometry = isPoint
    ? ({ type: "Point", coordinates: shape as Pair } as const)
    : ({ type: "LineString", coordinates: shape as Pair[] } as const);
  return { type: "Feature", properties, geometry };
}

function isOurs(url: string): boolean {
  return new URL(url, location.href).origin === location.origin;
}

function groundColour(): string {
  return getComputedStyle(document.getElementById("map") ?? document.body).backgroundColor;
}

/** Whether the user asked their system for little movement. */
function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A round mark with a sign in it, at twice its size on screen. */
function mark(sign: string, colour: string): ImageData {
  const size = 40;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser does not draw on a canvas.");
  context.beginPath();
  context.arc(size / 2, size / 2, 15, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 4;
  context.strokeStyle = "#ffffff";
  context.stroke();
  context.beginPath();
  context.moveTo(12, 20);
  context.lineTo(28, 20);
  if (sign === "+") {
    context.moveTo(20, 12);
    context.lineTo(20, 28);
  }
  context.stroke();
  return context.getImageData(0, 0, size, size);
}
