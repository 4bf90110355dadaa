// Whether text can be read on what is behind it, asked in the browser.

/** Ratio of contrast (WCAG 2) of an element's text on the first background behind it. */
export const CONTRAST = `(selector) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgba) => {
    const [r, g, b] = rgba.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  let behind = element;
  while (behind !== document.documentElement && pixel(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
  const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(pixel).map(luminance);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}`;
