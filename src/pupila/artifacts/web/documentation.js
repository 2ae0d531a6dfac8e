"use strict";
const form = document.querySelector("form"), result = document.querySelector("#result");

for (const button of document.querySelectorAll(".command button")) {
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    navigator.clipboard?.writeText(range.toString()).catch(() => document.execCommand("copy"));
    if (!navigator.clipboard) document.execCommand("copy");  // pages without https
  });
}

const fields = () => form.querySelector(`fieldset[data-route="${form.elements.route.value}"]`);
const show = () => {
  for (const each of form.querySelectorAll("fieldset")) each.hidden = each.disabled = each !== fields();
};

const draw = (node) => { result.replaceChildren(node); };
const text = (content) => {
  const pre = document.createElement("pre");
  pre.textContent = content;
  return pre;
};

const send = async () => {
  const body = new FormData(), headers = {Accept: form.elements.png.checked ? "image/png" : "application/json"};
  for (const file of form.elements.image.files) body.append(fields().dataset.field, file);
  for (const input of fields().querySelectorAll("input")) {
    const value = input.type === "checkbox" ? (input.checked ? "true" : "") : input.value;
    if (value) body.append(input.name, value);
  }
  const response = await fetch(form.elements.route.value.slice(1), {method: "POST", body, headers});
  if ((response.headers.get("content-type") || "").startsWith("image/")) {
    const image = new Image();
    image.src = URL.createObjectURL(await response.blob());
    image.alt = form.dataset.alt;
    return draw(image);
  }
  const body_text = await response.text();
  let shown = body_text;
  try { shown = JSON.stringify(JSON.parse(body_text), null, 1); } catch { /* no JSON */ }
  return draw(text(`${response.status} ${response.statusText}\n${shown}`));
};

if (form) {
  form.elements.route.addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    draw(text("..."));
    send().catch((fault) => draw(text(String(fault))));
  });
  show();
}
