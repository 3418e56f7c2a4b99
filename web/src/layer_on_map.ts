/** One layer of the document as sources and layers of the map. */

import type * as maplibre from "maplibre-gl";
import type { Api } from "./api";
import type { Found } from "./found";
import { heatCanvas } from "./heat";
import type { Layer, View } from "./layers";
import type { Placement } from "./placement";

type PaintName = Parameters<maplibre.Map["setPaintProperty"]>[1];

const FILES: Record<Exclude<View, "outline">, string> = {
  probability: "probability.png",
  words: "pseudo_mask.png",
};

export class LayerOnMap {
  readonly #map: maplibre.Map;
  readonly #api: Api;
  readonly #id: string;
  readonly #placement: Placement;
  #outlines: Found | null = null;
  /** What the picture of certainty shows, so that it is made again only when that changes. */
  #heat: string | null = null;
  #tiles: string | null = null;

  constructor(map: maplibre.Map, api: Api, key: number, placement: Placement) {
    this.#map = map;
    this.#api = api;
    this.#id = `layer-${key}`;
    this.#placement = placement;
    map.addSource(this.#id, { type: "geojson", data: { type: "FeatureCollection", features: [] }, maxzoom: 24 });
    map.addLayer({ id: `${this.#id}-fill`, type: "fill", source: this.#id });
    map.addLayer({ id: `${this.#id}-casing`, type: "line", source: this.#id, layout: { "line-join": "round" } });
    map.addLayer({ id: `${this.#id}-line`, type: "line", source: this.#id, layout: { "line-join": "round" } });
  }

  #parts(): string[] {
    return ["tiles", "heat", "fill", "casing", "line"].map((part) => `${this.#id}-${part}`);
  }

  /** Ids of the map's layers that a click can be meant for. */
  touchable(): string[] {
    return [`${this.#id}-fill`];
  }

  show(layer: Layer, selected: boolean): void {
    const found = layer.answer?.found ?? null;
    if (found && found !== this.#outlines) {
      (this.#map.getSource(this.#id) as maplibre.GeoJSONSource).setData(found.outlines);
      this.#outlines = found;
    }
    const { colour, opacity } = layer;
    const paint = (part: string, values: Partial<Record<PaintName, string | number>>): void => {
      for (const [name, value] of Object.entries(values)) {
        this.#map.setPaintProperty(`${this.#id}-${part}`, name as PaintName, value);
      }
    };
    const outline = layer.view === "outline" || !selected;
    paint("fill", { "fill-color": colour, "fill-opacity": outline ? opacity * (selected ? 0.26 : 0.16) : 0 });
    paint("casing", { "line-color": "#000000", "line-opacity": opacity * 0.5, "line-width": selected ? 5 : 3.5 });
    paint("line", { "line-color": colour, "line-opacity": opacity, "line-width": selected ? 2.5 : 1.75 });
    this.#showTiles(found, layer);
    this.#showHeat(found, layer, selected);
    for (const part of this.#parts()) {
      if (!this.#map.getLayer(part)) continue;
      this.#map.setLayoutProperty(part, "visibility", layer.visible ? "visible" : "none");
      if (/(tiles|heat)$/.test(part)) this.#map.setPaintProperty(part, "raster-opacity", opacity);
    }
  }

  /** Moves everything of it to below a layer of the map, above all that was raised before. */
  raise(below: string): void {
    for (const part of this.#parts()) if (this.#map.getLayer(part)) this.#map.moveLayer(part, below);
  }

  remove(): void {
    this.#take("tiles");
    this.#take("heat");
    this.#heat = null;
    for (const part of this.#parts()) if (this.#map.getLayer(part)) this.#map.removeLayer(part);
    this.#map.removeSource(this.#id);
  }

  #take(part: "heat" | "tiles"): void {
    const id = `${this.#id}-${part}`;
    if (this.#map.getLayer(id)) this.#map.removeLayer(id);
    if (this.#map.getSource(id)) this.#map.removeSource(id);
  }

  #showTiles(found: Found | null, layer: Layer): void {
    const template = found?.tiles?.url.replace("{answer}", "0").replace("{rrggbb}", layer.colour.slice(1)) ?? null;
    if (template === this.#tiles) return;
    this.#tiles = template;
    this.#take("tiles");
    if (!template || !found?.tiles) return;
    const { minzoom, maxzoom, tile_size: tileSize } = found.tiles;
    const tiles = [location.origin + template];
    this.#map.addSource(`${this.#id}-tiles`, { type: "raster", tiles, tileSize, minzoom, maxzoom, bounds: this.#placement.bounds });
    this.#map.addLayer({ id: `${this.#id}-tiles`, type: "raster", source: `${this.#id}-tiles` }, `${this.#id}-fill`);
  }

  /** Of the selected layer only: several would be one stain. */
  #showHeat(found: Found | null, layer: Layer, selected: boolean): void {
    const path = layer.view === "outline" || !selected ? null : (found?.files[FILES[layer.view]] ?? null);
    const wanted = path && `${path} ${layer.colour}`;
    if (wanted === this.#heat) return;
    this.#heat = wanted;
    if (!path || !found) return this.#take("heat");
    void this.#drawHeat(path, layer.colour, found, () => this.#heat === wanted, layer);
  }

  async #drawHeat(path: string, colour: string, found: Found, isWanted: () => boolean, layer: Layer): Promise<void> {
    this.#map.getContainer().dataset["still"] = "false"; // as the map view does: more is to come
    try {
      const canvas = await heatCanvas((await this.#api.file(path)).blob, colour);
      if (!isWanted()) return;
      this.#take("heat");
      const id = `${this.#id}-heat`;
      this.#map.addSource(id, { type: "canvas", canvas, coordinates: found.scene, animate: false });
      this.#map.addLayer(
        { id, type: "raster", source: id, paint: { "raster-opacity": layer.opacity, "raster-fade-duration": 0 } },
        `${this.#id}-fill`,
      );
    } catch (error) {
      console.warn(error instanceof Error ? error.message : error);
    } finally {
      this.#map.triggerRepaint();
    }
  }
}
