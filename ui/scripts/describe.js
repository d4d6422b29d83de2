// Describing an image in words. While `available` is false the page has no tab for it.

export const available = false;

/** @param {HTMLElement} host  the panel of the tab, empty */
export function mountDescribe(host) {
  host.replaceChildren();
}
