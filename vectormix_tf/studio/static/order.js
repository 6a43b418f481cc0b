// The form of a new picture: drop, paste, camera, what it looks like, and its upload.

import { all, complain, duration, find, quiet, speak } from "./words.js";

const MIB = 2 ** 20;

export function order() {
  const form = find("#order");
  if (!form) return;
  for (const slot of all(".slot", form)) watch(form, slot);
  strengths(form);
  estimate(form);
  form.addEventListener("change", () => estimate(form));
  for (const kind of ["dragover", "dragleave", "drop", "paste"]) {
    window.addEventListener(kind, (event) => arrive(form, event));
  }
  form.addEventListener("submit", (event) => send(form, event));
  // Back brings the fields again, and not what was shown of them.
  window.addEventListener("pageshow", () => {
    for (const slot of all(".slot", form)) {
      const input = find("input", slot);
      if (input.files.length) take(form, slot, input.files[0]);
    }
    idle(form);
    estimate(form);
  });
}

function watch(form, slot) {
  const [input, camera] = all("input[type=file]", slot);
  input.addEventListener("change", () => take(form, slot, input.files[0]));
  camera?.addEventListener("change", () => {
    if (!camera.files.length) return;
    input.files = camera.files;
    camera.value = ""; // or it would be sent twice
    take(form, slot, input.files[0]);
  });
}

async function take(form, slot, file) {
  const image = find("img", slot);
  const input = find("input", slot);
  if (!file) return;
  quiet();
  if (file.size > Number(form.dataset.limit)) {
    input.value = "";
    complain(`${file.name} has over ${Math.round(form.dataset.limit / MIB)} MB; choose a smaller one.`);
    return;
  }
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  find("[data-name]", slot).textContent = file.name;
  slot.classList.add("filled");
  input.removeAttribute("aria-invalid");
  image.hidden = false;
  image.alt = file.name;
  find(".invite b", slot).textContent = "Change";
  if (slot.dataset.slot === "style_file") {
    for (const each of all("[name=style]", form)) each.checked = false;
  }
  try {
    await image.decode();
  } catch {
    image.hidden = true; // HEIC and TIFF are shown by few browsers, and taken by us
    find(".invite b", slot).textContent = `${file.name}: chosen`;
  }
}

function put(form, slot, file) {
  const carried = new DataTransfer();
  carried.items.add(file);
  const input = find("input", slot);
  input.files = carried.files;
  take(form, slot, file);
  speak(`${file.name} is chosen.`);
}

function arrive(form, event) {
  const items = [...(event.dataTransfer?.items ?? event.clipboardData?.items ?? [])];
  const files = items.filter((item) => item.kind === "file");
  const over = event.type === "dragover";
  if (event.type === "dragleave" ? event.relatedTarget : !files.length) return;
  const target = event.type === "dragleave" ? null : spot(form, event);
  for (const slot of all(".slot", form)) slot.classList.toggle("over", over && slot === target);
  if (event.type === "dragleave") return;
  event.preventDefault();
  const file = over ? null : files[0].getAsFile();
  if (file) put(form, target, file);
}

// Where it was dropped; else what is missing; else the photograph.
function spot(form, event) {
  const shown = all(".slot", form).filter((slot) => slot.checkVisibility());
  const under = event.target.closest?.(".slot");
  if (under) return under;
  const styled = form.elements.style && find("[name=style]:checked", form);
  const missing = shown.filter((slot) => !slot.classList.contains("filled"));
  return missing.find((slot) => slot.dataset.slot === "content" || !styled) ?? shown[0];
}

function strengths(form) {
  const alpha = form.elements.alpha;
  const buttons = all("[data-alpha]", form);
  const settle = () => {
    find("#alpha-value").textContent = Number(alpha.value).toFixed(2);
    for (const each of buttons) {
      each.setAttribute("aria-pressed", String(Number(each.dataset.alpha) === Number(alpha.value)));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      alpha.value = button.dataset.alpha;
      settle();
    });
  }
  alpha.addEventListener("input", settle);
  for (const radio of all("[name=style]", form)) {
    radio.addEventListener("change", () => clear(form));
  }
}

// A style of the shelf takes the place of an uploaded one.
function clear(form) {
  const slot = find("[data-slot=style_file]", form);
  find("input", slot).value = "";
  find("img", slot).hidden = true;
  slot.classList.remove("filled");
  find(".invite b", slot).textContent = "A painting of your own";
  find("[data-name]", slot).textContent = "It takes the place of the choice above.";
}

function estimate(form) {
  const kind = find("[name=kind]:checked", form).value;
  const size = find("[name=size]:checked, [name=size][type=hidden]", form);
  const seconds = Number(size?.dataset[kind]);
  find("#takes").textContent = seconds ? `, and takes ${duration(seconds)}` : "";
  find("#send").textContent = kind === "mix" ? "Mix it" : "Dream it";
}

function idle(form) {
  const bar = find("#sending");
  bar.hidden = true;
  find("#send").disabled = Boolean(find("#send").dataset.refused);
  delete form.dataset.sent;
}

// XMLHttpRequest, because fetch does not tell how much has been sent.
function send(form, event) {
  event.preventDefault();
  if (find("#send").disabled) return;
  const content = find("[data-slot=content]", form);
  if (!find("input", content).files.length && !form.elements.content_id) {
    complain("Choose a photograph first.");
    find("input", content).focus();
    return;
  }
  const kind = find("[name=kind]:checked", form).value;
  const own = find("[name=style_file]", form).files.length;
  if (kind === "mix" && !own && !find("[name=style]:checked", form)) {
    complain("Choose a style, or upload a painting.");
    find("[name=style], [name=style_file]", form).focus();
    return;
  }
  quiet();
  const bar = find("#sending");
  const button = find("#send");
  const request = new XMLHttpRequest();
  button.disabled = true;
  bar.hidden = false;
  bar.value = 0;
  speak("Sending your picture.");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = loaded / total;
    // What is sent has yet to be looked at, which takes a second or two.
    if (loaded === total) bar.removeAttribute("value");
  });
  request.addEventListener("load", () => answered(form, request));
  request.addEventListener("error", () => {
    idle(form);
    complain("The studio does not answer. Nothing was lost: send it again in a minute.");
  });
  request.open("POST", form.action);
  request.setRequestHeader("accept", "application/json");
  request.send(new FormData(form));
}

function answered(form, request) {
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // Of a proxy, perhaps.
  }
  if (request.status === 201 && answer.url) {
    location.assign(answer.url);
    return;
  }
  idle(form);
  const slot = answer.field && find(`[name=${CSS.escape(answer.field)}]`, form);
  slot?.setAttribute("aria-invalid", "true");
  slot?.focus();
  complain(answer.error || "That did not work; please try again in a minute.");
}
