// What a reader could not see or reach on the page as it is shown now, a line for each.
() => {
  const faults = new Set();
  const page = document.documentElement.clientWidth;
  const named = (element, text) => {
    const kind = element.className.baseVal ?? element.className;
    return `${element.tagName.toLowerCase()}${kind && "." + kind} "${(text ?? element.textContent).trim().slice(0, 50)}"`;
  };
  const boxes = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((box) => box.width > 0 && box.height > 0);
  };
  const inside = (box, place) => box.left >= place.left - 1 && box.right <= place.right + 1;
  // for readers who hear the page; and links that appear when they are reached
  const unseen = (element) =>
    !element.checkVisibility() ||
    getComputedStyle(element).fontSize === "1px" ||
    element.closest(".skip") ||
    getComputedStyle(element.closest("thead") ?? element).clipPath !== "none";

  if (document.documentElement.scrollWidth > page) faults.add(`the page is ${document.documentElement.scrollWidth} wide`);

  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (style.overflowX === "visible" || unseen(element) || element.closest("svg")) continue;
    const scrolls = element.scrollWidth - element.clientWidth > 1;
    if (scrolls && style.overflowX !== "auto") faults.add(`clipped: ${named(element)}`);
    const reached = element.tabIndex === 0 && element.role === "region" && element.ariaLabel;
    if (scrolls && !reached) faults.add(`scrolls, but the keyboard does not reach it: ${named(element)}`);
    if (!scrolls && element.matches(".scroll[tabindex]")) faults.add(`a stop for nothing: ${named(element, element.ariaLabel)}`);
    if (scrolls && page >= 1400) faults.add(`scrolls on a wide screen: ${named(element, element.ariaLabel)}`);
    if (!inside(element.getBoundingClientRect(), { left: 0, right: page })) faults.add(`sticks out: ${named(element)}`);
  }

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [text, element] = [walker.currentNode, walker.currentNode.parentElement];
    if (!text.data.trim() || element.closest("svg, script") || unseen(element)) continue;
    const cell = element.closest("td, th");
    const place = cell?.getBoundingClientRect() ?? (element.closest(".scroll") ? null : { left: 0, right: page });
    if (place && !boxes(text).every((box) => inside(box, place))) faults.add(`out of its place: ${named(element, text.data)}`);
  }

  // of a row that scrolls only its beginning is seen
  for (const row of document.querySelectorAll(".scroll.more > table > tbody > tr")) {
    const height = row.getBoundingClientRect().height;
    if (height > 130) faults.add(`a row ${Math.round(height)} tall: ${named(row)}`);
  }

  for (const picture of document.querySelectorAll("svg")) {
    const frame = picture.getBoundingClientRect();
    const texts = [...picture.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    texts.forEach(([text, box], place) => {
      const cut = box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
      if (cut) faults.add(`cut off: ${named(text)}`);
      for (const [other, its] of texts.slice(place + 1)) {
        const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
        const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
        if (across > 1 && down > 2) faults.add(`over each other: ${named(text)} and ${named(other)}`);
      }
    });
  }
  return [...faults];
};
