// Forms: sent once, likes without a new page, sheets as dialogs.

import { all, complain, find, reason, speak } from "./words.js";

// A form that is on its way is not sent again; Back makes it usable once more.
export function guard() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of all("[aria-busy]", form)) button.removeAttribute("aria-busy");
    }
  });
}

export function confirmations() {
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest?.("[data-confirm]");
      if (!button) return;
      event.preventDefault();
      ask(button.dataset.confirm, button.textContent.trim()).then((yes) => {
        if (yes) button.form.requestSubmit();
      });
    },
    true,
  );
}

function ask(question, word) {
  const dialog = document.createElement("dialog");
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "sheet-body";
  const text = document.createElement("p");
  text.id = "question";
  text.textContent = question;
  const row = document.createElement("p");
  row.className = "actions";
  for (const [label, value, kind] of [[word, "yes", "alarm"], ["Not now", "", ""]]) {
    const button = document.createElement("button");
    button.textContent = label;
    button.value = value;
    button.className = kind;
    row.append(button);
  }
  form.append(text, row);
  dialog.append(form);
  dialog.setAttribute("aria-labelledby", "question");
  document.body.append(dialog);
  dialog.showModal();
  row.lastChild.focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      answer(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}

export function likes() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-like]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = find("button", form);
    if (button.hasAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    try {
      const headers = { accept: "application/json" };
      const body = new URLSearchParams(new FormData(form));
      const response = await fetch(form.action, { method: "POST", headers, body });
      if (!response.ok) throw new Error(await reason(response));
      show(form, button, await response.json());
    } catch (error) {
      const lost = error instanceof TypeError;
      complain(lost ? "The studio does not answer; your like was not counted." : error.message);
    }
    button.removeAttribute("aria-busy");
  }, true);
}

function show(form, button, { likes: number, liked }) {
  form.elements.like.value = liked ? "0" : "1";
  const words = `${number || "no"} ${number === 1 ? "like" : "likes"}`;
  button.setAttribute("aria-pressed", String(liked));
  button.setAttribute("aria-label", `Like ${button.dataset.title}: ${words}`);
  button.toggleAttribute("data-beat", liked);
  find("[data-likes]", form).textContent = number || "";
  speak(words);
}

export function menus() {
  const open = () => all(".menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      find("summary", menu).focus();
    }
  });
}

// A browser keeps the focus within a modal dialog, and gives it back at its end.
export function sheets() {
  for (const sheet of all("details[data-sheet]")) {
    const summary = find("summary", sheet);
    const body = find(".sheet-body", sheet);
    const dialog = document.createElement("dialog");
    const heading = find("h2", body);
    heading.id = `${sheet.id}-heading`;
    dialog.setAttribute("aria-labelledby", heading.id);
    dialog.append(body);
    sheet.after(dialog);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-haspopup", "dialog");
    button.append(...summary.childNodes);
    summary.remove();
    // In the place of its summary, so that it looks alike.
    const holder = document.createElement("div");
    holder.className = sheet.className;
    const quick = sheet.classList;
    if (quick.contains("is-primary")) button.className = "primary";
    if (quick.contains("is-alarm")) button.className = "alarm";
    if (quick.contains("is-quiet")) button.className = sheet.closest(".row") ? "" : "plain soft";
    holder.append(button);
    sheet.replaceWith(holder);
    button.addEventListener("click", () => dialog.showModal());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    if (location.hash === `#${sheet.id}`) dialog.showModal();
  }
  copies();
}

function copies() {
  for (const button of all("[data-copy-button]")) {
    const input = find("[data-copy]", button.closest(".sheet-body"));
    input.addEventListener("focus", () => input.select());
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(input.value);
      } catch {
        input.select(); // where a page may not write there, as over plain http
        return;
      }
      button.textContent = "Copied";
      speak("The link is copied.");
    });
  }
}
