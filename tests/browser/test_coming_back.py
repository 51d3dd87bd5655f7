"""The server dies in mid-play: the page says so, waits, and goes on where it stood."""

from studio_server import free_port, served
from visit import enter


def test_the_page_goes_on_after_the_server_was_killed(run, watched):
    page, port = watched().page, free_port()
    with served(run, port) as (address, process):
        enter(page, address)
        page.keyboard.press("Space")
        page.wait_for_function("() => studio.frame.frame > 8")
        page.keyboard.press("Space")
        page.wait_for_function("() => studio.frame.paused")
        frame, session = page.evaluate("[studio.frame.frame, studio.session.welcome.session]")
        process.kill()
        page.get_by_text("The server is away").wait_for()
    with served(run, port):
        page.wait_for_function("() => studio.session.ready", timeout=20_000)
        page.wait_for_function("n => studio.frame.frame === n", arg=frame, timeout=20_000)
        assert page.evaluate("studio.session.welcome.session") == session
