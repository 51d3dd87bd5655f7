"""The page in a real browser: offline, played by key, forked, rewound, compared, recorded."""

import io

import pytest
from PIL import Image
from visit import FRAME, enter, play, stop, until


def dreamt(page, keys, steps):
    """The pictures of some steps from the beginning while `keys` are down; the page is paused."""
    node = page.evaluate("studio.frame.node")
    page.keyboard.press("n")
    until(page, f"node => {FRAME} === 0 && studio.frame.node !== node", node)
    for key in keys:
        page.keyboard.down(key)
    for step in range(steps):
        page.keyboard.press(".")
        until(page, f"n => {FRAME} === n", step + 1)
    for key in keys:
        page.keyboard.up(key)
    return page.evaluate("[...studio.frame.dreamPicture]")


def test_the_gallery_loads_offline_and_opens_a_world(studio, watched):
    watch = watched()
    watch.page.goto(studio)
    until(watch.page, "() => document.querySelector('.worldcard img')?.naturalWidth > 0")
    watch.page.click("[data-world]")
    until(watch.page, "() => window.studio?.frame")
    assert "table" in watch.page.url
    assert watch.page.locator(".veil").is_visible()
    assert not watch.wrong


def test_frames_flow_and_say_which_keys_they_obey(page):
    play(page)
    page.keyboard.down("ArrowRight")
    until(page, "() => document.querySelector('.cap.applied')?.dataset.key === 'arrowright'")
    assert page.evaluate("studio.frame.action[0]") > 0
    page.keyboard.up("ArrowRight")
    until(page, "() => !document.querySelector('.cap.applied')")
    assert page.evaluate("studio.frame.action[0]") == 0
    assert float(page.inner_text("#hud b")) > 0


def test_a_keycap_steers_as_the_key_does(page):
    box = page.locator(".cap[data-key=arrowup]").bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    until(page, "() => studio.frame.action[1] > 0")  # the first touch also sets the world going
    page.mouse.up()
    until(page, "() => studio.frame.action[1] === 0")


def test_the_dream_differs_between_two_keys_and_only_by_them(page):
    right = dreamt(page, ["ArrowRight"], 6)
    left = dreamt(page, ["ArrowLeft"], 6)
    assert right != left
    assert dreamt(page, ["ArrowRight"], 6) == right


def test_rewinding_and_playing_on_grows_a_branch_beside_what_was(page):
    play(page, 40)
    stop(page)
    end = page.evaluate(FRAME)
    page.keyboard.press("Backspace")
    second = page.evaluate("studio.session.welcome.fps")
    until(page, f"n => {FRAME} === n", end - second)
    play(page, 4)
    until(page, "() => studio.tree.branches.size === 2")
    page.locator("figure", has_text="What was").wait_for()


def test_what_if_forks_and_compares_in_two_clicks(page):
    play(page, 6)
    page.click("[data-try] >> nth=1")
    until(page, "() => studio.tree.branches.get(studio.frame.branch)?.parent === 0")
    until(page, "() => studio.frame.action.some(value => value !== 0)")
    stop(page)
    page.click("[data-command=compare]")
    page.locator(".verdict").first.wait_for()
    assert "95 %" in page.inner_text(".comparison")


def test_a_click_on_the_timeline_goes_there(page):
    play(page, 30)
    stop(page)
    canvas = page.locator(".timeline .lanes canvas")
    canvas.click(position={"x": 20, "y": 34})
    until(page, f"n => {FRAME} < n", 10)


def test_one_step_at_a_time_and_who_plays(page):
    page.keyboard.press(".")
    until(page, f"() => {FRAME} === 1")
    page.click("[data-policy=random]")
    until(page, "() => studio.state.policy === 'random'")
    page.keyboard.press(".")
    until(page, f"() => {FRAME} === 2 && studio.frame.policy")


def test_recording_says_where_it_went(page):
    page.keyboard.press("r")
    until(page, "() => studio.state.recording")
    play(page)
    page.keyboard.press("r")
    page.locator(".toast", has_text="Recorded").wait_for()


def test_a_link_opens_the_same_instant(page, studio, watched):
    play(page)
    stop(page)
    page.keyboard.press("u")
    link = page.locator(".toast", has_text="#snapshot=").inner_text().split("#", 1)[1]
    other = watched()
    other.page.goto(f"{studio}#{link}")
    until(other.page, "() => window.studio?.frame")
    picture = "[...studio.frame.dreamPicture]"
    assert other.page.evaluate(picture) == page.evaluate(picture)
    assert not other.wrong


def test_the_planner_fans_out_futures_that_can_be_stepped_into(page):
    page.click("[data-command=plan]")
    page.locator(".future").first.wait_for()
    futures = page.evaluate("studio.map.futures.map(({ points }) => points.length)")
    assert len(futures) > 1 and page.locator(".future.chosen").count() == 1
    page.click(".future.chosen")
    until(page, f"n => {FRAME} === n && studio.frame.branch === 1", futures[0])


def test_jpegs_are_painted_too(page):
    """On this machine pictures come raw; over a network they come as JPEG."""
    file = io.BytesIO()
    Image.new("RGB", (24, 16), (200, 30, 60)).save(file, "JPEG")
    size = page.evaluate(
        """async bytes => {
            const { picture } = await import("/static/frame.js");
            const shown = await picture(new Uint8Array(bytes), false);
            return [shown.width, shown.height];
        }""",
        list(file.getvalue()),
    )
    assert size == [24, 16]


def test_a_refusal_is_said_in_words(page):
    page.evaluate("studio.commands.control('speed', 3)")
    toast = page.locator(".toast.bad")
    toast.wait_for()
    assert toast.inner_text().strip()
    assert page.locator("#toasts").get_attribute("aria-live") == "polite"


def test_a_narrow_screen_scrolls_one_way_only_and_shows_one_picture(studio, watched):
    watch = watched(has_touch=True, is_mobile=True)
    watch.page.set_viewport_size({"width": 390, "height": 844})
    enter(watch.page, studio)
    wide = "document.documentElement.scrollWidth"
    assert watch.page.evaluate(wide) <= 390
    assert watch.page.locator(".screen:visible").count() == 1
    assert not watch.wrong


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_everything_has_a_name_and_can_be_read(studio, watched, theme):
    watch = watched(color_scheme=theme)
    enter(watch.page, studio)
    assert (
        watch.page.evaluate(
            """() => [...document.querySelectorAll("button, select, a, canvas:not([aria-hidden])")]
            .filter(each => !(each.textContent.trim() || each.ariaLabel || each.title)
                    && each.checkVisibility()).map(each => each.outerHTML)"""
        )
        == []
    )
    tokens = ["ink", "soft", "accent", "good", "amber", "bad", "rec"]
    colours = {name: drawn(watch.page, name) for name in [*tokens, "paper", "card", "raised"]}
    assert not {
        (name, ground): contrast(colours[name], colours[ground])
        for name in tokens
        for ground in ("paper", "card", "raised")
        if contrast(colours[name], colours[ground]) < 4.5
    }


def drawn(page, token):
    """A colour of the theme as the browser resolves it, red, green and blue in 0..1."""
    text = page.evaluate(
        """token => { document.body.style.color = `var(--${token})`;
            return getComputedStyle(document.body).color }""",
        token,
    )
    return [int(part) / 255 for part in text[4:-1].split(",")]


def contrast(one, other):
    """The ratio of WCAG 2.1: 1 for equal colours, 21 for black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
