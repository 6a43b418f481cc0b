// Jobs: one request per visible tab waits for news of all of them.

import { all, find, speak } from "./words.js";

const AGAIN = 1000; // milliseconds until a request that failed is made again, at first
const SELDOM = 30_000; // and at most
const FINAL = ["done", "stopped", "failed"];

export function live() {
  const jobs = find("#jobs");
  if (!jobs || !all("[data-job]", jobs).some(isOpen)) return;
  let after = Number(jobs.dataset.after);
  let request = null;
  let pause = AGAIN;

  async function ask() {
    if (request || document.hidden || !all("[data-job]", jobs).some(isOpen)) return;
    request = new AbortController();
    const { signal } = request;
    try {
      const response = await fetch(`/api/news?after=${after}`, { signal, cache: "no-store" });
      if (!response.ok) throw new Error(response.status);
      const news = await response.json();
      after = news.after;
      pause = AGAIN;
      for (const job of news.jobs) await tell(jobs, job);
    } catch (error) {
      if (signal.aborted) return;
      await new Promise((wake) => setTimeout(wake, pause));
      pause = Math.min(SELDOM, 2 * pause);
    } finally {
      request = null;
    }
    ask();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) request?.abort();
    else setTimeout(ask);
  });
  window.addEventListener("pagehide", () => request?.abort());
  window.addEventListener("pageshow", () => setTimeout(ask));
}

const isOpen = (card) => !FINAL.includes(card.dataset.state);

async function tell(jobs, job) {
  const card = all("[data-job]", jobs).find((each) => each.dataset.job === job.id);
  if (!card || (!isOpen(card) && FINAL.includes(job.state))) return;
  const title = find("h1, h3", card).textContent.trim();
  const status = find("[data-status]", card);
  const isNew = status.textContent !== job.status;
  status.textContent = job.status;
  find("[data-figures]", card).textContent = job.figures;
  const bar = find("[data-bar]", card);
  if (bar) bar.value = job.percent;
  if (job.preview) await preview(card, job.preview);
  const button = find("[data-cancel]", card);
  if (button) button.disabled = job.stopping;
  const changed = card.dataset.state !== job.state;
  if (changed) await renew(jobs, card, job);
  if (isNew) speak(`${title}: ${job.status}`, changed);
}

// Shown once it is decoded, so that nothing flickers.
async function preview(card, url) {
  const shown = find("[data-preview]", card);
  if (shown.getAttribute("src") === url) return;
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return; // the next one comes soon
  }
  shown.width = image.naturalWidth;
  shown.height = image.naturalHeight;
  shown.src = url;
  if (shown.hidden) {
    shown.hidden = false;
    find(".easel > svg", card)?.remove();
  }
  shown.alt = "The picture so far";
}

// What a job that began or ended looks like is said by the server alone.
async function renew(jobs, card, job) {
  card.dataset.state = job.state;
  try {
    const response = await fetch(jobs.dataset.page, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById(card.id);
    if (!response.ok) return;
    const focused = card.contains(document.activeElement);
    if (!fresh) {
      // It is among the works now.
      location.reload();
      return;
    }
    card.replaceWith(fresh);
    if (focused) find("a.button, button", fresh)?.focus({ preventScroll: true });
  } catch {
    // The state is told in words already.
  }
}
