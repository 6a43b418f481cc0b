// What is told, and to whom: a toast for eyes, a live region for ears.

const SPEAK_EVERY = 10_000; // milliseconds between two reports of progress

export const find = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

let spokenAt = -SPEAK_EVERY;

export function speak(text, now = true) {
  if (!now && performance.now() - spokenAt < SPEAK_EVERY) return;
  spokenAt = performance.now();
  find("#spoken").textContent = text;
}

export function complain(text) {
  const toast = find("#toast");
  find("p", toast).textContent = text;
  toast.hidden = false;
}

export function quiet() {
  find("#toast").hidden = true;
}

export function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} seconds`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} minutes`;
  return `about ${Math.round(seconds / 3600)} hours`;
}

// What a server said was wrong, in a sentence.
export async function reason(response) {
  const answer = await response.json().catch(() => ({}));
  return answer.error || "That did not work; please try again in a minute.";
}

find("#toast button").addEventListener("click", quiet);
window.addEventListener("keydown", (event) => event.key === "Escape" && quiet());
