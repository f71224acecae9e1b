// Looks for what a person would see at once: words that are cut off or stand out of their box, things that lie over
// each other or beside the window, and targets that are too small. Gives findings, in words.
// It looks at the page, or into the shadow root of an element that is in view.
(host) => {
  const SLACK = 1;
  const SMALLEST = 24;
  const TARGETS = "a[href], button, input, select, textarea, summary, [role=button]";
  const found = new Set();
  // What lies below a modal dialog cannot be used.
  const scope = host ? host.shadowRoot : document;
  const whole = host ? scope.querySelector(".base") : document.body;
  const root = [...scope.querySelectorAll("dialog[open]")].at(-1) ?? whole;
  const room = host ? host.getBoundingClientRect() : { left: 0, top: 0, right: innerWidth, bottom: innerHeight };

  const nameOf = (element) => {
    const words = (element.innerText || element.value || element.ariaLabel || "").trim();
    return `<${element.tagName.toLowerCase()} class="${element.className}"> ${words.slice(0, 50)}`;
  };
  const isSeen = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    !element.closest(".unseen, .skip, option");
  const meet = (one, other) => ({
    left: Math.max(one.left, other.left),
    top: Math.max(one.top, other.top),
    right: Math.min(one.right, other.right),
    bottom: Math.min(one.bottom, other.bottom),
  });
  const isMore = ({ left, top, right, bottom }, by) => right - left > by && bottom - top > by;
  // The part of something that the boxes around it show, which scroll it or cut it off.
  const shownIn = (around, rect) => {
    let shown = meet(rect, { left: 0, top: 0, right: innerWidth, bottom: innerHeight });
    for (let box = around; box; box = box.parentElement) {
      if (getComputedStyle(box).overflow !== "visible")
        shown = meet(shown, box.getBoundingClientRect());
      if (box === root) break;
    }
    return shown;
  };
  const cutsAside = (element) => {
    for (let box = element; box; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible") return true;
    return false;
  };

  const page = document.documentElement;
  if (!host && page.scrollWidth > page.clientWidth) found.add(`the page scrolls sideways`);
  const elements = [root, ...root.querySelectorAll("*")].filter(isSeen);
  for (const element of elements) {
    const style = getComputedStyle(element);
    if (element.matches("input, textarea, select, svg, svg *") || !element.clientWidth) continue;
    const isWide = element.scrollWidth > element.clientWidth + SLACK;
    const isHigh = element.scrollHeight > element.clientHeight + SLACK;
    if (/auto|scroll/.test(style.overflowX) && isWide) found.add(`scrolls sideways: ${nameOf(element)}`);
    if (/hidden|clip/.test(style.overflowX) && isWide && style.textOverflow !== "ellipsis")
      found.add(`cut off at its side: ${nameOf(element)}`);
    if (/hidden|clip/.test(style.overflowY) && isHigh) found.add(`cut off below: ${nameOf(element)}`);
    if (element.matches(".button, button") && (isWide || isHigh))
      found.add(`words stand out of: ${nameOf(element)}`);
  }

  const words = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !isSeen(parent) || parent.closest("select, textarea")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if ((rect.left < room.left - SLACK || rect.right > room.right + SLACK) && !cutsAside(parent))
        found.add(`beside the window: ${nameOf(parent)}`);
      const shown = shownIn(parent, rect);
      if (isMore(shown, 0)) words.push({ parent, shown });
    }
  }
  for (const [place, one] of words.entries()) {
    for (const other of words.slice(place + 1)) {
      if (one.parent === other.parent) continue;
      // Lines of one block may be as near as their font has them.
      if (isMore(meet(one.shown, other.shown), 5))
        found.add(`words over words: ${nameOf(one.parent)} / ${nameOf(other.parent)}`);
    }
  }

  const targets = elements
    .filter((element) => element.matches(TARGETS))
    .map((element) => ({ element, rect: element.getBoundingClientRect() }));
  for (const [place, { element, rect }] of targets.entries()) {
    const isInWords = getComputedStyle(element).display === "inline" && element.closest("p, .words");
    if (!isInWords && Math.min(rect.width, rect.height) < SMALLEST - 0.5)
      found.add(`${Math.round(rect.width)} by ${Math.round(rect.height)} pixels: ${nameOf(element)}`);
    const shown = shownIn(element.parentElement, rect);
    for (const other of targets.slice(place + 1)) {
      if (element.contains(other.element) || other.element.contains(element)) continue;
      if (isMore(meet(shown, shownIn(other.element.parentElement, other.rect)), SLACK))
        found.add(`over each other: ${nameOf(element)} / ${nameOf(other.element)}`);
    }
    if (!isMore(shown, 8) || isInWords) continue;
    const top = scope.elementFromPoint(
      (shown.left + shown.right) / 2,
      (shown.top + shown.bottom) / 2,
    );
    if (!top || !(element.contains(top) || top.contains(element)))
      found.add(`covered: ${nameOf(element)} / ${top && nameOf(top)}`);
  }
  return [...found];
}
