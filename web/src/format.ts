/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** On the ground where that is known, in pixels elsewhere. */
export function area(squareMetres: number | null, pixels: number): string {
  if (squareMetres === null) return `${whole.format(pixels)} px`;
  if (squareMetres >= 1e6) return `${tenths.format(squareMetres / 1e6)} km²`;
  if (squareMetres >= 1e5) return `${tenths.format(squareMetres / 1e4)} ha`;
  return `${(squareMetres < 100 ? tenths : whole).format(squareMetres)} m²`;
}

export function metres(length: number): string {
  return length >= 10_000 ? `${tenths.format(length / 1000)} km` : `${(length < 100 ? tenths : whole).format(length)} m`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${whole.format(number)} ${number === 1 ? one : many}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${tenths.format(seconds / 3600)} h`;
}

export function bytes(size: number): string {
  return size < 1e6 ? `${Math.ceil(size / 1e3)} kB` : `${tenths.format(size / 1e6)} MB`;
}
