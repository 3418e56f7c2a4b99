/** Images as the service describes them. */

import type { Four, ImageInfo } from "../src/types";

export function plain(width: number, height: number): ImageInfo {
  const maxzoom = Math.max(3, 2 + Math.ceil(Math.log2(Math.max(width, height) / 256)));
  return {
    id: "u-00",
    name: "scene.png",
    kind: "upload",
    width,
    height,
    crs: null,
    bounds: null,
    metres_per_pixel: null,
    state: "ready",
    progress: 1,
    tiles: { pixels: { url: "/v1/images/u-00/tiles/pixels/{z}/{x}/{y}.png", minzoom: 3, maxzoom, tile_size: 256 }, mercator: null },
    error: null,
  };
}

export function onEarth(bounds: Four): ImageInfo {
  const image = plain(1024, 1024);
  const mercator = { url: "/v1/images/r-00/tiles/mercator/{z}/{x}/{y}.png", minzoom: 15, maxzoom: 21, tile_size: 256 };
  return { ...image, id: "r-00", crs: "EPSG:3857", bounds, metres_per_pixel: 0.075, tiles: image.tiles && { ...image.tiles, mercator } };
}
