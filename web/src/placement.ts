/**
 * Where an image lies on the map. The page thinks in the map's longitude and latitude only; an image without a place on
 * Earth lies in a made-up world, whose corner of it is given by the service's pixel tiles: pixel (x, y) is at the unit
 * mercator coordinates 3/8 + x / side, 3/8 + y / side, where the world is `side` pixels wide.
 */

import type { Position } from "geojson";
import type { Four, ImageInfo, Pair, TileSet } from "./types";

export interface Placement {
  /** In which coordinates the service is asked and answers. */
  coordinates: "pixels" | "lonlat";
  tiles: TileSet;
  /** west, south, east, north on the map. */
  bounds: Four;
  toServer(place: Pair): Pair;
  toMap(position: Position): Pair;
}

/** Where an image that is ready lies; null while the service does not know yet. */
export function placementOf(image: ImageInfo): Placement | null {
  if (!image.tiles || image.width === null || image.height === null) return null;
  if (image.bounds && image.tiles.mercator) return onEarth(image.tiles.mercator, image.bounds);
  return inPixels(image.tiles.pixels, image.width, image.height);
}

function onEarth(tiles: TileSet, bounds: Four): Placement {
  const same = (place: Position): Pair => [place[0] ?? 0, place[1] ?? 0];
  return { coordinates: "lonlat", tiles, bounds, toServer: same, toMap: same };
}

function inPixels(tiles: TileSet, width: number, height: number): Placement {
  const side = 256 * 2 ** tiles.maxzoom;
  const toMap = (position: Position): Pair => unproject(3 / 8 + (position[0] ?? 0) / side, 3 / 8 + (position[1] ?? 0) / side);
  const toServer = (place: Pair): Pair => {
    const [x, y] = project(place);
    return [(x - 3 / 8) * side, (y - 3 / 8) * side];
  };
  const [west, north] = toMap([0, 0]);
  const [east, south] = toMap([width, height]);
  return { coordinates: "pixels", tiles, bounds: [west, south, east, north], toServer, toMap };
}

/** Unit web mercator coordinates of a place in degrees: x to the east, y to the south, 0..1. */
export function project([longitude, latitude]: Pair): Pair {
  const radians = (latitude * Math.PI) / 180;
  return [(longitude + 180) / 360, (1 - Math.asinh(Math.tan(radians)) / Math.PI) / 2];
}

function unproject(x: number, y: number): Pair {
  return [x * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI];
}

/** A box of the map as the service takes it: the smaller corner first, in its coordinates. */
export function boxToServer(placement: Placement, [west, south, east, north]: Four): Four {
  const [x0, y0] = placement.toServer([west, north]);
  const [x1, y1] = placement.toServer([east, south]);
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

/** What two boxes share; null if that has no area. */
export function overlap(a: Four, b: Four): Four | null {
  const both: Four = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
  return both[0] < both[2] && both[1] < both[3] ? both : null;
}

/** The corners of a box: upper left, upper right, lower right, lower left. */
export function corners([west, south, east, north]: Four): [Pair, Pair, Pair, Pair] {
  return [
    [west, north],
    [east, north],
    [east, south],
    [west, south],
  ];
}
