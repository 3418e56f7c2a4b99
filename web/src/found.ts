/** An answer in the form that the page shows, from a result of one look or from a job; on the map's coordinates. */

import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from "geojson";
import { corners, type Placement } from "./placement";
import type { Four, Job, Pair, Result, TileSet } from "./types";

export type Outlines = FeatureCollection<Polygon | MultiPolygon>;

export interface Found {
  /** The result that can be cut at another threshold or kept; null for a job's. */
  result: string | null;
  present: boolean;
  /** 0..1; null where there is none for the whole (jobs). */
  score: number | null;
  areaPx: number;
  areaM2: number | null;
  perimeterM: number | null;
  parts: number;
  warnings: readonly string[];
  /** Which the mask was cut at; null if the service does not say. */
  threshold: number | null;
  outlines: Outlines;
  /** Tiles of the mask, with {answer} and {rrggbb} to fill in, where its outlines are too many. */
  tiles: TileSet | null;
  /** Corners of the scene on the map: upper left, upper right, lower right, lower left. */
  scene: [Pair, Pair, Pair, Pair];
  /** Addresses of the files to export, by name. */
  files: Readonly<Record<string, string>>;
  command: string;
}

export function fromResult(result: Result, placement: Placement): Found {
  const answer = result.answers[0];
  if (!answer) throw new Error("The server's answer is empty.");
  return {
    result: result.id,
    present: answer.present,
    score: answer.score,
    areaPx: answer.area_px,
    areaM2: answer.area_m2,
    perimeterM: answer.perimeter_m,
    parts: answer.parts,
    warnings: answer.warnings,
    threshold: result.threshold,
    outlines: onMap(result.geojson, placement),
    tiles: null,
    scene: result.corners ?? sceneCorners(result.scene, placement),
    files: result.files,
    command: result.command,
  };
}

/** A job that is done; `outlines` null where they are too large for a page. */
export function fromJob(job: Job, outlines: FeatureCollection | null, placement: Placement): Found {
  const answer = job.answers[0];
  if (!answer) throw new Error("The server's answer is empty.");
  const tiles = placement.coordinates === "pixels" ? job.tiles?.pixels : job.tiles?.mercator;
  return {
    result: null,
    present: answer.present,
    score: null,
    areaPx: answer.area_px,
    areaM2: answer.area_m2,
    perimeterM: null,
    parts: answer.parts,
    warnings: [],
    threshold: job.threshold,
    outlines: onMap(outlines ?? { type: "FeatureCollection", features: [] }, placement),
    tiles: outlines ? null : (tiles ?? null),
    scene: corners(placement.bounds),
    files: Object.fromEntries(job.files.map((file) => [file.name, file.url])),
    command: job.command,
  };
}

function sceneCorners(scene: Four, placement: Placement): [Pair, Pair, Pair, Pair] {
  if (placement.coordinates === "lonlat") return corners(placement.bounds);
  const [west, north] = placement.toMap([scene[0], scene[1]]);
  const [east, south] = placement.toMap([scene[2], scene[3]]);
  return corners([west, south, east, north]);
}

function onMap(collection: FeatureCollection, placement: Placement): Outlines {
  const ring = (positions: Position[]): Position[] => positions.map((position) => placement.toMap(position));
  const features = collection.features.flatMap((feature): Feature<Polygon | MultiPolygon>[] => {
    const shape = feature.geometry as Feature["geometry"] | null;
    if (shape?.type === "Polygon") return [{ ...feature, geometry: { type: "Polygon", coordinates: shape.coordinates.map(ring) } }];
    if (shape?.type !== "MultiPolygon") return [];
    return [{ ...feature, geometry: { type: "MultiPolygon", coordinates: shape.coordinates.map((part) => part.map(ring)) } }];
  });
  return { type: "FeatureCollection", features };
}

/** west, south, east, north around the outlines; null where there are none. */
export function extent(found: Found): Four | null {
  const around: Four = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { geometry } of found.outlines.features) {
    const parts = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    for (const [x = 0, y = 0] of parts.flatMap((part) => part[0] ?? [])) {
      around[0] = Math.min(around[0], x);
      around[1] = Math.min(around[1], y);
      around[2] = Math.max(around[2], x);
      around[3] = Math.max(around[3], y);
    }
  }
  return around[0] < around[2] ? around : null;
}
