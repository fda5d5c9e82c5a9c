"""How the page looks, measured in the browser: contrast, focus, names, what sticks out of the screen."""

from __future__ import annotations

from typing import Any

from selenium.webdriver import Chrome


def contrasts(browser: Chrome) -> dict[str, float]:
    """Contrast of every visible text with what lies behind it, by WCAG 2.2's formula; disabled controls are exempt."""
    return browser.execute_script("""
        const rgba = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
        const over = ([r, g, b, a = 1], ground) => [r, g, b].map((c, i) => c * a + ground[i] * (1 - a));
        const ground = (e) => {
            if (!e) return [255, 255, 255];
            const colour = rgba(getComputedStyle(e).backgroundColor);
            return (colour[3] ?? 1) === 1 ? colour : over(colour, ground(e.parentElement));
        };
        const linear = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
        const light = (colour) => colour.reduce((sum, c, i) => sum + linear(c) * [0.2126, 0.7152, 0.0722][i], 0);
        const hasText = (e) => e.matches("input, select, textarea")
            || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        const found = {};
        for (const e of document.querySelectorAll("body *")) {
            if (!hasText(e) || e.matches(":disabled, option, optgroup")) continue;
            if (!e.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
            const below = ground(e);
            const own = over(rgba(getComputedStyle(e).color), below);
            const [low, high] = [light(own), light(below)].sort((a, b) => a - b);
            found[`${e.tagName}.${e.className}#${e.id}`] = (high + 0.05) / (low + 0.05);
        }
        return found;""")


def brightness(browser: Chrome) -> float:
    """Of the page's ground, 0 (black) to 1 (white)."""
    colour = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
    return sum(map(int, browser.execute_script(colour))) / (3 * 255)


def focus(browser: Chrome) -> dict[str, Any]:
    """The name of what has the focus (id, class or tag), and whether an outline shows it."""
    return browser.execute_script("""
        const focused = document.activeElement;
        const marked = focused.matches("#file") ? document.querySelector("label[for=file]") : focused;
        const style = getComputedStyle(marked);
        return {name: focused.id || focused.className || focused.tagName,
                seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2};""")


def without_a_name(browser: Chrome) -> list[str]:
    """Controls that a screen reader could not name."""
    return browser.execute_script("""
        const named = (e) => e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label");
        return [...document.querySelectorAll("button, input, select, textarea, summary, video")]
            .filter((e) => !named(e)).map((e) => e.outerHTML);""")


def sticking_out(browser: Chrome) -> list[str]:
    """Visible elements that reach beyond the screen's sides."""
    return browser.execute_script("""
        const out = (e) => {
            const box = e.getBoundingClientRect();
            return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
        };
        return [...document.querySelectorAll("main *, header *")]
            .filter((e) => e.checkVisibility() && !e.closest(".unseen, thead") && out(e))
            .map((e) => e.outerHTML.slice(0, 80));""")


def hard_to_hit(browser: Chrome) -> list[str]:
    """Buttons and lists lower than WCAG 2.2's least target, 24 CSS pixels (2.5.8)."""
    return browser.execute_script("""
        return [...document.querySelectorAll("button, select")]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML);""")


def playing_cue_is_in_view(browser: Chrome) -> bool:
    """The whole row, and on small screens not beneath the player."""
    return browser.execute_script("""
        const row = document.querySelector(".playing")?.getBoundingClientRect();
        const player = document.querySelector("video").getBoundingClientRect();
        const beside = row && player.right <= row.left;
        return Boolean(row) && row.top >= (beside ? 0 : player.bottom) && row.bottom <= innerHeight;""")


def focus_is_covered(browser: Chrome) -> bool:
    """What has the focus lies beneath something, or outside of the screen (WCAG 2.2, 2.4.11)."""
    return browser.execute_script("""
        const box = document.activeElement.getBoundingClientRect();
        const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        return !document.activeElement.contains(top);""")


def animations(browser: Chrome) -> int:
    return browser.execute_script("return document.getAnimations().length")
