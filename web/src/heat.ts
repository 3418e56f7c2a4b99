/** Grey pictures of the model's certainty (0..255) drawn in one colour, the surer the more opaque. */

/** RGBA pixels, changed in place: the grey value becomes the opacity of a colour. */
export function colourise(pixels: Uint8ClampedArray, colour: string): void {
  const [red, green, blue] = rgb(colour);
  for (let index = 0; index < pixels.length; index += 4) {
    const value = pixels[index] ?? 0;
    pixels[index] = red;
    pixels[index + 1] = green;
    pixels[index + 2] = blue;
    pixels[index + 3] = value * 0.85; // what lies below stays recognisable
  }
}

export function rgb(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A canvas with the picture of a blob, in a colour. */
export async function heatCanvas(blob: Blob, colour: string): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser does not draw on a canvas.");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  colourise(image.data, colour);
  context.putImageData(image, 0, 0);
  return canvas;
}
