// The photograph over the picture that was made of it, up to a line that can be moved.

import { all, find } from "./words.js";

export function compare() {
  for (const figure of all("[data-compare]")) {
    const layers = document.createElement("div");
    layers.className = "layers";
    const line = document.createElement("div");
    line.className = "line";
    line.hidden = true;
    layers.append(find(".after", figure), find(".before", figure), line);
    const label = document.createElement("label");
    const slider = document.createElement("input");
    const ends = document.createElement("span");
    slider.type = "range";
    slider.value = 0;
    slider.setAttribute("aria-label", "How much of the photograph is shown");
    ends.className = "ends";
    ends.append(word("the picture"), word("the photograph"));
    label.append(slider, ends);
    const whole = document.createElement("div");
    whole.className = "compare";
    whole.append(layers, label);
    find(".both", figure).replaceWith(whole);
    slider.addEventListener("input", () => {
      layers.style.setProperty("--cut", `${slider.value}%`);
      line.hidden = slider.value === "0";
    });
  }
}

function word(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span;
}
