// The mask for the latest prompt, laid over the image without drawing the image again.
watch("value", () => {
  const image = document.querySelector("#pp-picture .pp-layer");
  if (!image) return;
  image.hidden = !props.value;
  if (props.value) image.src = props.value;
});
