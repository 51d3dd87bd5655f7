"""The server goes away in mid-play: the page says so, waits, and goes on where it stood."""

from studio_server import Wire
from visit import enter, play, stop, until


def test_the_page_comes_back_to_its_session_by_itself(studio, watched):
    page, wire = watched().page, Wire(studio)
    try:
        enter(page, wire.address)
        play(page)
        stop(page)
        before = page.evaluate("[studio.frame.node, studio.session.welcome.session]")
        picture = page.evaluate("[...studio.frame.dreamPicture]")
        wire.cut()
        page.get_by_text("The server is away").wait_for()
        page.evaluate("studio.frame = null")
        wire.mend()
        until(page, "() => studio.session.ready && studio.frame")
        assert page.evaluate("[studio.frame.node, studio.session.welcome.session]") == before
        assert page.evaluate("[...studio.frame.dreamPicture]") == picture
        assert not page.locator(".veil").is_visible()
    finally:
        wire.close()


def test_a_session_is_played_in_one_window_at_a_time(page, watched):
    other = watched().page
    other.goto(page.url)
    until(other, "() => window.studio?.frame")
    page.get_by_text("Played in another window").wait_for()
    page.get_by_role("button", name="Play here").click()
    other.get_by_text("Played in another window").wait_for()
