/** Light and dark: as the system says, until the user chooses. */

const KEY = "rs2sam2-theme";

export function startTheme(button: HTMLElement, changed: () => void): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const kept = localStorage.getItem(KEY);
  if (kept === "dark" || kept === "light") root.dataset["theme"] = kept;
  button.addEventListener("click", () => {
    const dark = (root.dataset["theme"] ?? (system.matches ? "dark" : "light")) === "dark";
    root.dataset["theme"] = dark ? "light" : "dark";
    localStorage.setItem(KEY, root.dataset["theme"]);
    changed();
  });
  system.addEventListener("change", changed);
}
