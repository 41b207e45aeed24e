"""What on a page keeps somebody out, as axe-core finds it."""

from axe_playwright_python.sync_playwright import Axe

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
OPTIONS["preload"] = False  # no rule of these needs the style sheets, which it would look for in wrong places


def violations(page, part="html"):
    """Say in words where a page, or some part of it, breaks WCAG 2.1 on level A or AA; what is folded is opened."""
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    # What fades in has too little contrast on the way.
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important }")
    results = Axe().run(page, part, OPTIONS)
    return results.generate_report() if results.violations_count else ""
