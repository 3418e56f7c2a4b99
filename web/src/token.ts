/** The token that a server bound to more than this machine asks for. */

const KEY = "rs2sam2-token";

/**
 * The token from the address (`#token=...`), which is removed from there so that it does not get into bookmarks and
 * screenshots; otherwise the one that this tab has kept.
 */
export function takeToken(): string | null {
  const parts = new URLSearchParams(location.hash.slice(1));
  const given = parts.get("token");
  if (given) {
    parts.delete("token");
    history.replaceState(null, "", location.pathname + location.search + (parts.size ? `#${parts.toString()}` : ""));
    keepToken(given);
  }
  return given ?? sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}
