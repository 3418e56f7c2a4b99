/** Where the page begins. */

import "@fontsource-variable/inter/wght.css";
import "./style.css";
import { Api, ApiError } from "./api";
import { startApp } from "./app";
import { byId, setText } from "./dom";
import { complain } from "./notices";
import { keepToken, takeToken } from "./token";
import type { About } from "./types";

/** What the server says about itself; asks for the token until it is the right one. */
async function meet(api: Api): Promise<About> {
  for (;;) {
    try {
      return await api.about();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      api.token = await askForToken(api.token === null ? "" : "That is not the token of this server.");
      keepToken(api.token);
    }
  }
}

function askForToken(wrong: string): Promise<string> {
  const dialog = byId<HTMLDialogElement>("token-dialog");
  const field = byId<HTMLInputElement>("token");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  setText(byId("token-wrong"), wrong);
  dialog.showModal();
  field.select(); // what was wrong is typed over
  return new Promise((resolve) => {
    byId("token-form").addEventListener("submit", () => resolve(field.value.trim()), { once: true });
  });
}

const api = new Api(takeToken());
try {
  await startApp(api, await meet(api));
} catch (error) {
  complain(error);
}
