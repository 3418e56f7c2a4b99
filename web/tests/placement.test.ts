import { describe, expect, test } from "vitest";
import { boxToServer, corners, overlap, placementOf, project } from "../src/placement";
import type { Four, Pair } from "../src/types";
import { onEarth, plain } from "./images";

describe("an image without a place on Earth", () => {
  const placement = placementOf(plain(1000, 600));
  if (!placement) throw new Error("it has tiles");

  test("lies where the service's pixel tiles put it", () => {
    const [x, y] = project(placement.toMap([0, 0]));
    expect(x).toBeCloseTo(3 / 8, 12);
    expect(y).toBeCloseTo(3 / 8, 12);
    const [right, bottom] = project(placement.toMap([1000, 600]));
    expect((right - 3 / 8) * 256 * 2 ** 4).toBeCloseTo(1000, 6);
    expect((bottom - 3 / 8) * 256 * 2 ** 4).toBeCloseTo(600, 6);
  });

  test.each<Pair[]>([[[0, 0]], [[1000, 600]], [[333.25, 12.5]], [[999.99, 0.01]]])("pixel %j comes back", (pixel) => {
    const [x, y] = placement.toServer(placement.toMap(pixel));
    expect(x).toBeCloseTo(pixel[0], 7);
    expect(y).toBeCloseTo(pixel[1], 7);
  });

  test("a box of the map is a box of pixels with the smaller corner first", () => {
    const [west, north] = placement.toMap([10, 20]);
    const [east, south] = placement.toMap([110, 70]);
    const box = boxToServer(placement, [west, south, east, north]);
    for (const [index, value] of [10, 20, 110, 70].entries()) expect(box[index]).toBeCloseTo(value, 6);
  });
});

describe("an image with a place on Earth", () => {
  const placement = placementOf(onEarth([32.5, 0.31, 32.6, 0.32]));

  test("is asked in longitude and latitude, unchanged", () => {
    expect(placement?.coordinates).toBe("lonlat");
    expect(placement?.toServer([32.55, 0.315])).toEqual([32.55, 0.315]);
    expect(placement && boxToServer(placement, [32.51, 0.311, 32.52, 0.312])).toEqual([32.51, 0.311, 32.52, 0.312]);
  });
});

test("an image that is not ready has no place", () => {
  expect(placementOf({ ...plain(10, 10), tiles: null })).toBeNull();
  expect(placementOf({ ...plain(10, 10), width: null })).toBeNull();
});

test("what boxes share", () => {
  const a: Four = [0, 0, 10, 10];
  expect(overlap(a, [5, -5, 20, 5])).toEqual([5, 0, 10, 5]);
  expect(overlap(a, [10, 0, 20, 10])).toBeNull();
});

test("corners go round from the upper left", () => {
  expect(corners([1, 2, 3, 4])).toEqual([[1, 4], [3, 4], [3, 2], [1, 2]]);
});
