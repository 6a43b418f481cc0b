// The page: sends pictures and settings as an order, and shows its progress.

const find = (selector) => document.querySelector(selector);
const SLOTS = ["content", "style"];
const SIZES = [256, 384, 512, 640, 768, 1024, 1536, 2048, 4096];
const RETRIES = 5; // of a request that fails
const SPEAK_EVERY = 8000; // milliseconds between two reports for screen readers
const AGAIN = 5000; // milliseconds until the model is tried again

const stage = find("#stage");
const picture = find("#picture");
const start = find("#start");
const stop = find("#stop");
const download = find("#download");
const bar = find("#progress");

const chosen = { content: null, style: null }; // {file or name, url, title, credit}
const typed = { mix: {}, dream: {} }; // settings, kept while the other kind is shown
let about = null;
let order = null; // {id, kind, cancel} of the picture in progress
let result = null; // the address of the picture that is shown

class Problem extends Error {}

// Requests

async function request(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  const text = answer.error || `the page's server answered ${response.status}.`;
  throw new Problem(sentence(text));
}

async function json(path, options) {
  return (await request(path, options)).json();
}

async function patiently(call, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Problem || signal.aborted || tries === RETRIES) throw error;
      await new Promise((wake) => setTimeout(wake, 500 * 2 ** tries));
    }
  }
}

// Words

const sentence = (text) => {
  const plain = text.replaceAll("`", "");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};

const megabytes = (count) => `${Math.round(count / 2 ** 20)} MB`;

function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} seconds`;
  return `about ${Math.round(seconds / 60)} minutes`;
}

function ordinal(n) {
  const ending = { one: "st", two: "nd", few: "rd", other: "th" };
  return n + ending[new Intl.PluralRules("en", { type: "ordinal" }).select(n)];
}

let spokenAt = -SPEAK_EVERY;
function speak(text, now = true) {
  if (!now && performance.now() - spokenAt < SPEAK_EVERY) return;
  spokenAt = performance.now();
  find("#spoken").textContent = text;
}

function complain(text) {
  find("#notice p").textContent = text;
  find("#notice").hidden = false;
}

function quiet() {
  find("#notice").hidden = true;
}

// Pictures that were chosen

const kind = () => find("input[name=kind]:checked").value;
const needed = () => (kind() === "mix" ? SLOTS : ["content"]);
const slotOf = (name) => find(`.slot[data-slot=${name}]`);

function choose(name, picked) {
  const before = chosen[name];
  if (before?.file) URL.revokeObjectURL(before.url);
  chosen[name] = picked;
  const slot = slotOf(name);
  const image = slot.querySelector("img");
  image.src = picked.url;
  image.alt = picked.title;
  image.hidden = false;
  slot.classList.add("filled");
  slot.querySelector(".action").firstChild.textContent = "Change ";
  const lines = [picked.title, picked.credit ?? ""].map((text) => {
    const line = document.createElement("span");
    line.textContent = line.title = text;
    return line;
  });
  slot.querySelector(".caption").replaceChildren(...lines);
  for (const button of document.querySelectorAll(`[data-shelf=${name}] button`)) {
    button.setAttribute("aria-pressed", String(button.dataset.name === picked.name));
  }
  quiet();
  refresh();
}

async function take(name, file) {
  if (!file) return;
  try {
    checkFile(file);
    const url = URL.createObjectURL(file);
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      checkPixels(image);
    } catch (error) {
      URL.revokeObjectURL(url);
      if (error instanceof Problem) throw error;
      throw new Problem(`${file.name} cannot be read as a picture; choose another.`);
    }
    choose(name, { file, url, title: file.name });
  } catch (error) {
    complain(error.message);
  }
}

function checkFile(file) {
  const types = about?.types ?? ["image/png", "image/jpeg", "image/webp"];
  if (!types.includes(file.type)) {
    throw new Problem(`${file.name} is no PNG, JPEG or WebP picture; choose another.`);
  }
  if (about && file.size > about.bytes) {
    const limit = megabytes(about.bytes);
    throw new Problem(`${file.name} has over ${limit}; choose a smaller one.`);
  }
}

function checkPixels(image) {
  const mega = (image.naturalWidth * image.naturalHeight) / 1e6;
  if (about && mega > about.megapixels) {
    throw new Problem(
      `This picture has ${mega.toFixed(0)} megapixels, and ${about.megapixels} is the` +
        " limit; choose a smaller one.",
    );
  }
}

function refresh() {
  const mixing = kind() === "mix";
  for (const part of [slotOf("style"), find("[data-shelf=style]"), find("#balance")]) {
    part.inert = !mixing;
    part.classList.toggle("idle", !mixing);
  }
  start.textContent = mixing ? "Mix" : "Dream";
  const missing = needed().filter((name) => !chosen[name]);
  start.disabled = Boolean(order || !about || missing.length);
  if (!about) return;
  const words = { content: "a picture", style: "a style" };
  let hint = "";
  if (order) hint = "One picture at a time: stop it, or wait until it is done.";
  else if (missing.length) {
    hint = `Choose ${missing.map((name) => words[name]).join(" and ")} first.`;
  }
  find("#hint").textContent = hint;
}

// Settings

function offer() {
  const [least, most] = about.size;
  const sizes = new Set(SIZES.filter((size) => size >= least && size <= most));
  for (const { size } of Object.values(about.defaults)) sizes.add(Math.min(size, most));
  const options = [...sizes].sort((a, b) => a - b).map((size) => new Option(size));
  find("#size").replaceChildren(...options);
  find("#steps").max = about.steps[1];
  for (const [name, defaults] of Object.entries(about.defaults)) {
    typed[name] = { ...defaults, size: Math.min(defaults.size, most) };
  }
  settle();
  for (const name of SLOTS) {
    slotOf(name).querySelector("input").accept = about.types.join();
    const works = about.gallery[name].map((work) => thumb(name, work));
    find(`[data-shelf=${name}] .works`).replaceChildren(...works);
  }
}

function thumb(slot, work) {
  const button = document.createElement("button");
  const image = new Image();
  button.type = "button";
  button.dataset.name = work.name;
  button.title = work.title;
  button.setAttribute("aria-pressed", "false");
  image.src = `/gallery/small/${slot}/${work.name}`;
  image.alt = work.title;
  button.append(image);
  const url = `/gallery/whole/${slot}/${work.name}`;
  button.addEventListener("click", () => choose(slot, { ...work, url }));
  return button;
}

function settle() {
  const values = typed[kind()];
  find("#alpha").value = values.alpha ?? find("#alpha").value;
  find("#size").value = values.size;
  find("#steps").value = values.steps;
  find("#alpha-value").textContent = `alpha ${Number(find("#alpha").value).toFixed(2)}`;
}

function wanted() {
  const steps = find("#steps");
  if (!steps.checkValidity()) {
    steps.focus();
    throw new Problem(`Steps must be a whole number from 1 to ${steps.max}.`);
  }
  const settings = { kind: kind(), size: Number(find("#size").value) };
  settings.steps = Number(steps.value);
  if (settings.kind === "mix") settings.alpha = Number(find("#alpha").value);
  for (const name of needed()) {
    if (chosen[name].name) settings[name] = chosen[name].name;
  }
  return settings;
}

// The picture

async function show(url, alt) {
  const next = new Image();
  next.src = url;
  await next.decode(); // avoids flicker when it replaces another picture
  const before = picture.src;
  picture.src = url;
  picture.alt = alt;
  picture.hidden = false;
  find(".welcome").hidden = true;
  if (before.startsWith("blob:") && before !== url && before !== chosen.content?.url) {
    URL.revokeObjectURL(before);
  }
}

function say(state, status, figures = "") {
  stage.dataset.state = state;
  find("#status").textContent = status;
  find("#figures").textContent = figures;
  const idle = ["empty", "done", "stopped", "failed"].includes(state);
  bar.toggleAttribute("data-idle", idle); // it keeps its room
  if (["uploading", "waiting", "starting"].includes(state)) bar.value = 0;
  find("#badge").hidden = state !== "waiting";
}

function report(answer) {
  if (answer.state === "waiting") {
    const place = answer.ahead + 1;
    const before = answer.ahead === 1 ? "1 picture is" : `${answer.ahead} pictures are`;
    const small = document.createElement("small");
    small.textContent = answer.ahead
      ? `${before} before yours`
      : "It starts next";
    find("#badge").replaceChildren(`You are ${ordinal(place)} in line`, small);
    say("waiting", "Waiting", "Other pictures are being computed");
    speak(`You are ${ordinal(place)} in line.`);
  } else if (answer.state === "running" && !answer.octaves) {
    say("starting", "Starting", "The model reads your pictures");
    speak("Starting.");
  } else if (answer.state === "running") {
    const octave = answer.octaves > 1 ? `octave ${answer.octave} of ${answer.octaves}, ` : "";
    const parts = [`${octave}step ${answer.step} of ${answer.steps}`];
    if (answer.loss !== null) parts.push(`loss ${answer.loss.toPrecision(3)}`);
    if (answer.seconds_left !== null) parts.push(`${duration(answer.seconds_left)} left`);
    const doing = order.kind === "mix" ? "Mixing" : "Dreaming";
    const percent = `${Math.round(answer.fraction * 100)} %`;
    const status = answer.stopping ? "Stopping" : `${doing}, ${percent}`;
    say("running", status, sentence(parts.join(" · ")));
    bar.value = answer.fraction;
    speak(`${percent} done. ${parts.at(-1)}.`, false);
  }
}

// An order, from start to end

async function make() {
  const mine = { id: null, kind: kind(), cancel: new AbortController() };
  const { signal } = mine.cancel;
  const settings = wanted();
  const files = needed().map((name) => [name, chosen[name].file]);
  quiet();
  order = mine;
  download.hidden = true;
  stop.hidden = false;
  stop.disabled = false;
  refresh();
  stop.focus({ preventScroll: true });
  const wide = matchMedia("(min-width: 901px)").matches;
  stage.scrollIntoView({ block: wide ? "nearest" : "start", behavior: "smooth" });
  stage.removeAttribute("data-preview");
  say("uploading", "Sending your pictures");
  speak("Sending your pictures.");
  await show(chosen.content.url, "Your picture, before anything was done to it");
  const body = JSON.stringify(settings);
  const headers = { "content-type": "application/json" };
  let answer = await json("/runs", { method: "POST", headers, body, signal });
  mine.id = answer.id;
  for (const [name, file] of files.filter(([, file]) => file)) {
    const options = { method: "PUT", headers: { "content-type": file.type }, signal };
    answer = await json(`/runs/${mine.id}/${name}`, { ...options, body: file });
  }
  await watch(mine, answer, signal);
}

async function watch(mine, answer, signal) {
  const path = `/runs/${mine.id}`;
  while (["uploading", "waiting", "running"].includes(answer.state)) {
    // The first one comes at once, and stays until the model has taken a step.
    if (answer.preview && (answer.step || !stage.hasAttribute("data-preview"))) {
      const response = await patiently(() => request(`${path}/preview`, { signal }), signal);
      const blob = await response.blob();
      if (answer.step) mine.preview = blob;
      const alt = answer.step ? "The picture so far" : "What it will look like, roughly";
      await show(URL.createObjectURL(blob), alt);
      stage.setAttribute("data-preview", "");
    }
    report(answer);
    const question = `${path}?after=${answer.version}`;
    answer = await patiently(() => json(question, { signal }), signal);
  }
  if (answer.picture) {
    const response = await patiently(() => request(`${path}/picture`, { signal }), signal);
    await keep(await response.blob(), mine.kind, "PNG");
  }
  forget(mine);
  if (answer.state === "failed") throw new Problem(sentence(answer.error));
  if (answer.error) complain(sentence(answer.error));
  const steps = answer.step ? sentence(lasted(answer)) : "";
  if (answer.state === "done") say("done", "Done", steps);
  else if (answer.picture) say("stopped", "Stopped; this is the picture so far", steps);
  else blank("Stopped before it began");
  speak(find("#status").textContent);
}

function lasted(answer) {
  const loss = answer.loss === null ? "" : ` · loss ${answer.loss.toPrecision(3)}`;
  const octave = answer.octaves > 1 ? `octave ${answer.octave} of ${answer.octaves}, ` : "";
  return `${octave}step ${answer.step} of ${answer.steps}${loss}`;
}

async function keep(blob, kindOf, format) {
  if (result) URL.revokeObjectURL(result);
  result = URL.createObjectURL(blob);
  // Two URLs, one to show and one to download: the first is revoked with the picture.
  await show(URL.createObjectURL(blob), kindOf === "mix" ? "The mix" : "The dream");
  download.href = result;
  download.download = `vectormix-${kindOf}.${format === "PNG" ? "png" : "jpg"}`;
  download.textContent = `Download ${format}`;
  download.hidden = false;
}

function forget(mine) {
  if (!mine?.id) return;
  // keepalive: also while the page is closing. The run may be deleted already.
  fetch(`/runs/${mine.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  mine.id = null;
}

function blank(status) {
  picture.hidden = true;
  picture.removeAttribute("src");
  find(".welcome").hidden = false;
  say("empty", status);
}

async function failed(error, mine) {
  const known = error instanceof Problem;
  const lost = "The connection was lost; please try again in a minute.";
  complain(known ? error.message : lost);
  if (!known && mine?.preview) await keep(mine.preview, mine.kind, "JPEG");
  if (download.hidden) blank("Nothing was made");
  else say("failed", "The run failed; this is the picture so far");
}

async function submit(event) {
  event.preventDefault();
  if (start.disabled) return;
  try {
    await make();
  } catch (error) {
    const mine = order;
    forget(mine);
    if (mine?.cancel.signal.aborted) blank("Stopped before it began");
    else if (mine) await failed(error, mine);
    else complain(error.message);
  } finally {
    const focused = [stop, document.body].includes(document.activeElement);
    order = null;
    stop.hidden = true;
    refresh();
    if (focused) (download.hidden ? start : download).focus({ preventScroll: true });
  }
}

async function halt() {
  if (!order) return;
  stop.disabled = true;
  const state = stage.dataset.state;
  if (!order.id || state === "uploading") {
    order.cancel.abort();
    return;
  }
  if (state !== "waiting") find("#status").textContent = "Stopping";
  await request(`/runs/${order.id}/stop`, { method: "POST" }).catch((error) =>
    complain(error.message),
  );
}

// Wiring

async function begin() {
  try {
    about = await json("/about");
    offer();
  } catch (error) {
    const text = error instanceof Problem ? error.message : "The page does not answer.";
    find("#hint").textContent = `${text} Trying again …`;
    setTimeout(begin, AGAIN);
  }
  refresh();
}

function files(event) {
  const items = [...(event.dataTransfer?.items ?? event.clipboardData?.items ?? [])];
  return items.filter((item) => item.kind === "file");
}

function spot(event) {
  const slot = event.target.closest?.(".slot:not(.idle)");
  return slot?.dataset.slot ?? needed().find((name) => !chosen[name]) ?? "content";
}

function mark(name) {
  for (const each of SLOTS) slotOf(each).classList.toggle("over", each === name);
}

for (const name of SLOTS) {
  const input = slotOf(name).querySelector("input");
  input.addEventListener("change", async () => {
    await take(name, input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
}
for (const radio of document.querySelectorAll("input[name=kind]")) {
  radio.addEventListener("change", () => {
    settle();
    refresh();
  });
}
for (const name of ["alpha", "size", "steps"]) {
  find(`#${name}`).addEventListener("input", (event) => {
    typed[kind()][name] = Number(event.target.value);
    if (name === "alpha") settle();
  });
}
window.addEventListener("dragover", (event) => {
  if (!files(event).length) return;
  event.preventDefault();
  mark(spot(event));
});
window.addEventListener("dragleave", (event) => event.relatedTarget ?? mark(null));
for (const kindOf of ["drop", "paste"]) {
  window.addEventListener(kindOf, (event) => {
    mark(null);
    const [first] = files(event);
    if (!first) return;
    event.preventDefault();
    take(spot(event), first.getAsFile());
  });
}
find("#order").addEventListener("submit", submit);
stop.addEventListener("click", halt);
find("#notice button").addEventListener("click", quiet);
window.addEventListener("keydown", (event) => event.key === "Escape" && quiet());
window.addEventListener("pagehide", () => forget(order));
begin();
