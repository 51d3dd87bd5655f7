"""The studio's pictures in docs/pictures, taken again in headless Chromium.

foreworld play runs/tabletop runs/rooms --no-browser &
python benchmarks/studio_pictures.py http://127.0.0.1:8765/ tabletop

The world named is the one that is played in them. Needs foreworld[browser] and chromium.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
WIDE = {"width": 1400, "height": 860}
PHONE = {"width": 390, "height": 844}


def main(address: str, world: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        gallery(opened(browser, "dark", {"width": 1280, "height": 760}), address)
        futures(entered(opened(browser, "dark", WIDE), address, world))
        what_if(entered(opened(browser, "light", WIDE), address, world))
        phone = opened(browser, "dark", PHONE, is_mobile=True, device_scale_factor=1.5)
        played(entered(phone, address, world))
        keys(entered(opened(browser, "light", {"width": 1100, "height": 760}), address, world))
        browser.close()


def gallery(page: Page, address: str) -> None:
    page.goto(address)
    until(page, "() => document.querySelector('.worldcard img')?.complete")
    keep(page, "studio_gallery")


def futures(page: Page) -> None:
    """The planner's fan, from where a few keys have led."""
    steps(page, 4, "ArrowUp")
    steps(page, 5, "ArrowRight")
    moved(page, "l")
    page.keyboard.down("ArrowRight")
    steps(page, 5)
    page.click("[data-command=plan]")
    page.locator(".future").first.wait_for()
    keep(page, "studio_futures")


def what_if(page: Page) -> None:
    """Rewound, forked and compared: what became of it beside what was."""
    steps(page, 4, "ArrowUp")
    moved(page, "l")
    steps(page, 14, "ArrowLeft")
    for _ in range(12):
        moved(page, ",")
    page.keyboard.press("b")
    until(page, "() => studio.tree.branches.size > 1 && !studio.state.paused")
    page.keyboard.press("Escape")
    until(page, "() => studio.state.paused")
    steps(page, 8, "ArrowRight")
    page.click("[data-command=compare]")
    page.locator(".verdict").first.wait_for()
    keep(page, "studio_what_if")


def played(page: Page) -> None:
    steps(page, 3, "ArrowUp")
    page.keyboard.down("ArrowLeft")
    steps(page, 4)
    keep(page, "studio_phone")


def keys(page: Page) -> None:
    page.keyboard.press("?")
    keep(page, "studio_keys")


def opened(browser: Browser, theme: str, size: dict[str, int], **options: object) -> Page:
    options |= {"color_scheme": theme, "viewport": size}
    return browser.new_context(**options).new_page()  # type: ignore[arg-type]


def entered(page: Page, address: str, world: str) -> Page:
    """Paused, with the veil lifted."""
    page.goto(f"{address}#world={world}")
    until(page, "() => window.studio?.frame")
    page.keyboard.press(".")
    until(page, "() => studio.frame.frame === 1")
    return page


def steps(page: Page, count: int, key: str | None = None) -> None:
    if key:
        page.keyboard.down(key)
    for _ in range(count):
        moved(page, ".")
    if key:
        page.keyboard.up(key)


def moved(page: Page, key: str) -> None:
    """Press a key that leads to another instant, and wait until one is there."""
    before = page.evaluate("studio.frame.node")
    page.keyboard.press(key)
    until(page, "node => studio.frame.node !== node", before)


def until(page: Page, condition: str, argument: object = None) -> None:
    page.wait_for_function(condition, arg=argument, timeout=60_000)


def keep(page: Page, name: str) -> None:
    page.mouse.move(640, 40)
    page.wait_for_timeout(1200)  # transitions, and the pictures of the cards
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = FOLDER / f"{name}.png"
    picture.save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1024:.0f} kB")
    page.context.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
