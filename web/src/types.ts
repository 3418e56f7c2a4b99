/** What the service sends and takes: the fields that this page reads, as /openapi.json describes them. */

import type { FeatureCollection } from "geojson";

export interface About {
  version: string;
  weights: { name: string; sha256: string; license: string; languages: string[]; mask_threshold: number };
  limits: {
    upload_bytes: number;
    upload_pixels: number;
    scene_pixels: number;
    expression_characters: number;
    points: number;
  };
  capabilities: { prompts: boolean; pseudo_mask: boolean; raster_jobs: boolean };
  basemap: { url: string; attribution: string | null } | null;
}

export interface TileSet {
  url: string;
  minzoom: number;
  maxzoom: number;
  tile_size: number;
}

/** west, south, east, north in degrees, or left, top, right, bottom in pixels. */
export type Four = [number, number, number, number];

/** x and y: longitude and latitude, or pixels to the right and down. */
export type Pair = [number, number];

export interface ImageInfo {
  id: string;
  name: string;
  kind: "raster" | "upload";
  width: number | null;
  height: number | null;
  crs: string | null;
  bounds: Four | null;
  metres_per_pixel: number | null;
  state: "new" | "preparing" | "ready" | "failed";
  progress: number;
  tiles: { pixels: TileSet; mercator: TileSet | null } | null;
  error: string | null;
}

export interface Answer {
  expression: string;
  present: boolean;
  score: number;
  area_px: number;
  area_m2: number | null;
  perimeter_m: number | null;
  parts: number;
  message: string | null;
  warnings: string[];
}

export interface Result {
  id: string;
  scene: Four;
  corners: [Pair, Pair, Pair, Pair] | null;
  threshold: number;
  answers: Answer[];
  geojson: FeatureCollection;
  command: string;
  files: Record<string, string>;
}

export interface SegmentRequest {
  image: string;
  expressions: string[];
  coordinates: "pixels" | "lonlat";
  scene: Four | null;
  threshold: number | null;
  points?: Pair[];
  labels?: number[];
  box?: Four | null;
}

export interface Job {
  id: string;
  image: string;
  expressions: string[];
  scene: Four;
  threshold: number | null;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  progress: number;
  seconds_left: number | null;
  error: string | null;
  answers: { expression: string; present: boolean; area_px: number; area_m2: number | null; parts: number }[];
  files: { name: string; bytes: number; url: string }[];
  tiles: { pixels: TileSet; mercator: TileSet | null } | null;
  command: string;
}

export interface Correction {
  id: string;
  count: number;
}
