/* What the theme leaves unsaid to a keyboard and to a screen reader. */
const say = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  // buttons beside a block of code are no part of the navigation
  document.querySelectorAll(".md-code__nav").forEach((buttons) => buttons.setAttribute("role", "none"));
  for (const region of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    region.tabIndex = 0;
  }
};
say();
// the theme wraps tables and adds buttons after the page has come
new MutationObserver(say).observe(document.body, { childList: true, subtree: true });
