/** Files from the server onto the user's disk. */

import type { Api } from "./api";
import { h } from "./dom";

/** Fetched first, since a link could not carry the token, and a refusal would open as a page. */
export async function save(api: Api, path: string): Promise<string> {
  const { blob, name } = await api.file(path);
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return name;
}
