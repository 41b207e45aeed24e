"""The book: every page in a real browser, wide and narrow, light and dark, without a word to any other host."""

import pytest
from browser.accessibility import violations

NARROW, WIDE = 390, 1400


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_reads_well_and_asks_no_other_host_for_anything(book, chromium, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    faults, seen, waiting = [], set(), ["index.html"]
    page.on(
        "console", lambda message: faults.append(f"{page.url}: {message.text}") if message.type == "error" else None
    )
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("request", lambda request: None if request.url.startswith((book, "data:")) else faults.append(request.url))
    while waiting:
        name = waiting.pop()
        seen.add(name)
        response = page.goto(f"{book}/{name}")
        assert response.ok, name
        page.wait_for_function("!window.MathJax || MathJax.startup.promise.then(() => true)")
        assert page.locator("mjx-merror").count() == 0, f"{name}: a formula that cannot be set"
        words = page.locator("article p, article li").all_text_contents()
        assert not [text for text in words if "$" in text or "\\frac" in text], f"{name}: a formula left raw"
        assert page.locator("article img:not([alt]), article img[alt='']").count() == 0, f"{name}: no words"
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 1, f"{name}: wider than the screen"
        if (scheme == "light") == (width == NARROW):  # it takes long: each scheme once, and each width
            assert violations(page) == "", name
        links = page.locator("nav.bd-links a").evaluate_all("links => links.map(link => link.href.split('#')[0])")
        here = {link.removeprefix(f"{book}/") for link in links}
        waiting += [link for link in here if link.endswith(".html") and link not in seen and link not in waiting]
    assert len(seen) >= 9
    assert faults == []
    context.close()
