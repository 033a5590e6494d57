/** Small helpers over the document. No HTML is ever made from text. @module */
import { formatAgo, formatMoment, formatSpan } from "./format.js";

/** The element with an id that page.html has. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, string>} attributes `text` is its text content.
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Sets a text where it differs: a screen reader is not told what did not change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute where it differs. */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Shows how long a moment is past, with the exact time as title. */
export function setAge(element, thenMs, nowMs) {
  setText(element, formatSpan(Math.max(0, nowMs - thenMs)));
  setExactTime(element, thenMs);
}

/** As {@link setAge}, with the word `ago`. */
export function setAgo(element, thenMs, nowMs) {
  setText(element, formatAgo(thenMs, nowMs));
  setExactTime(element, thenMs);
}

function setExactTime(element, ms) {
  setAttribute(element, "title", formatMoment(ms));
  setAttribute(element, "datetime", new Date(ms).toISOString());
}

/** Shows a state: a shape and a colour by its tone, and its word. */
export function setState(element, { word, tone }) {
  setAttribute(element, "data-tone", tone);
  setText(element, word);
}

/** Says something once to screen readers. */
export function announce(text) {
  setText(byId("announcer"), text);
}

/** Brings a list to as many children as there are items: made where missing, then each updated. */
export function updateList(list, items, { create, update }) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  for (const [index, item] of items.entries()) {
    if (list.children.length === index) list.append(create(item));
    update(list.children[index], item);
  }
}
