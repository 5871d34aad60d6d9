// Elements without a framework; text is always text, never HTML.

export type Child = Node | string | null | false;
type Props = Record<string, string | number | boolean | EventListener | null>;
const SVG = "http://www.w3.org/2000/svg";

/** `h("button.wide", { onclick }, "words")`: a tag with its classes, attributes or listeners, and children. */
export function h(tag: string, props: Props = {}, ...children: Child[]): HTMLElement {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  return filled(element, props, children);
}

export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  return filled(document.createElementNS(SVG, tag), props, children);
}

/** One of the page's own icons (24 x 24, drawn as strokes). */
export function icon(path: string): SVGElement {
  const look = { fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" };
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", ...look }, svg("path", { d: path }));
}

function filled<E extends Element>(element: E, props: Props, children: Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

export const ICONS = {
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  map: "M9 4 3 6v14l6-2 6 2 6-2V4l-6 2-6-2zM9 4v14M15 6v14",
  news: "M6 10a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7zM10 20a2 2 0 0 0 4 0",
  shelf: "M4 13h4l2 3h4l2-3h4M4 13l3-8h10l3 8v6H4z",
  back: "M15 5l-7 7 7 7",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 17a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
  more: "M5 12h.5M12 12h.5M19 12h.5",
  sync: "M20 11a8 8 0 0 0-14-4L4 9M4 4v5h5M4 13a8 8 0 0 0 14 4l2-2M20 20v-5h-5",
} as const;
