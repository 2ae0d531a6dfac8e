// The mask for the latest prompt, laid over the image without drawing the image again.
watch("value", () => {
  const image = document.querySelector("#pp-picture .pp-layer");
  if (!image) return;
  const prompted = document.querySelector("#pp-picture .pp-marks :is(.pp-point, .pp-box)"); // not cleared meanwhile
  image.hidden = !props.value || !prompted;
  if (props.value) image.src = props.value;
});
