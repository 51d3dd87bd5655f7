"""What tests do with a page: enter a world, wait, play, and note what goes wrong meanwhile."""

FRAME = "studio.frame.frame"


class Watched:
    """A page and what went wrong in it: errors of its console, requests to other hosts."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("console", lambda m: m.type == "error" and self.wrong.append(m.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            self.wrong.append(f"asked for {request.url}")


def enter(page, studio, **fields):
    words = "&".join(f"{k}={v}" for k, v in ({"world": "table"} | fields).items())
    page.goto(f"{studio}#{words}")
    page.wait_for_function("() => window.studio?.frame")


def until(page, condition, argument=None):
    return page.wait_for_function(condition, arg=argument, timeout=20_000)


def play(page, frames=8):
    """Let the dream go on by itself for some frames."""
    page.keyboard.press("Space")
    until(page, f"n => {FRAME} >= n", page.evaluate(FRAME) + frames)


def stop(page):
    page.keyboard.press("Space")
    until(page, "() => studio.state.paused")
