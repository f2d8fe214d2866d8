"""The admin page as people see it, case by case: page.py HOST PORT CASE [MORE...]."""

import base64
import sys
import threading
import time
import urllib.error
import urllib.request

from browser import Browser

HOST, PORT, CASE, *MORE = sys.argv[1:]
OWN = f"http://{HOST}:{PORT}"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def visible(selector):
    return f"(() => {{ const it = document.querySelector({selector!r}); return !!it && it.offsetParent !== null; }})()"


def text(selector):
    return f"(document.querySelector({selector!r}) || {{innerText: ''}}).innerText"


def traffic(address, stop, paths=("/", "/a")):
    while not stop.is_set():
        for path in paths:
            try:
                request = urllib.request.Request(f"http://{address}{path}", headers={"host": "shop.example"})
                OPENER.open(request, timeout=5).read()
            except (urllib.error.URLError, OSError):
                pass
        time.sleep(0.005)


def opened(browser):
    browser.open(OWN + "/")
    browser.until(visible("#main"))


def live(browser):
    stop = threading.Event()
    threading.Thread(target=traffic, args=(MORE[0], stop), daemon=True).start()
    opened(browser)
    browser.until("parseFloat(document.querySelector('#traffic .big').innerText) > 1")
    browser.until("document.querySelectorAll('#traffic polyline').length >= 3")
    for selector, words in [("#state", "ready"), ("#state", "generation 2"), ("#workers", "Worker 0"), ("#clusters", "orders"),
                            ("#routes", "all"), ("#generations", "in force"), ("#audit", "installed")]:
        browser.until(f"{text(selector)}.includes({words!r})")
    # What the note says is text, whatever it looks like.
    assert browser.ask(f"{text('#generations')}.includes('<img src=x onerror=alert(1)>')")
    assert browser.ask("document.querySelectorAll('main img').length") == 0
    browser.press("[data-act=diff][data-arg='2']")
    browser.until(f"{text('#generations ul.changes')}.includes('`all`')")
    # Asked twice, and only of a former one.
    assert browser.ask("document.querySelectorAll('[data-act=rollback]').length") == 1
    browser.press("[data-act=rollback]")
    browser.until(f"{text('[data-act=rollback]')}.startsWith('Sure?')")
    browser.until(f"{text('#generations')}.includes('going back would change')")
    browser.press("[data-act=rollback]")
    browser.until(f"{text('#message')}.includes('installed, generation 1')")
    browser.until(f"{text('#state')}.includes('generation 1')")
    stop.set()


def rollout(browser):
    # Where no request comes there is nothing to watch.
    stop = threading.Event()
    threading.Thread(target=traffic, args=(MORE[0], stop), daemon=True).start()
    opened(browser)
    browser.press("[data-act=reload]")
    browser.until(f"{text('[data-act=reload]')}.startsWith('Sure?')")
    browser.press("[data-act=reload]")
    browser.until(f"{text('#message')}.includes('rolling out, generation 2')")
    browser.until(visible("#rollout"))
    browser.until(f"{text('#rollout')}.includes('step 1')")
    browser.press("[data-act=pause]")
    browser.until(f"{text('#rollout')}.includes('paused')")
    browser.press("[data-act=resume]")
    browser.until(f"!{text('#rollout')}.includes('paused')")
    browser.press("[data-act=abort]")
    browser.until(f"{text('[data-act=abort]')}.startsWith('Sure?')")
    browser.press("[data-act=abort]")
    browser.until(f"{text('#rollout')}.includes('aborted')")
    browser.until(f"{text('#state')}.includes('generation 1')")
    stop.set()


def releases(browser):
    opened(browser)
    browser.until(visible("#s-releases"))
    for words in ("shop", "green", "100 %", "steady"):
        browser.until(f"{text('#releases')}.includes({words!r})")
    flip = "#releases [data-act=move]"
    browser.press(flip)
    browser.until(f"{text(flip)}.startsWith('Sure?')")
    browser.press(flip)
    browser.until(f"{text('#message')}.includes('variant `green` gets everything')")
    browser.until(f"{text('#releases')}.includes('by hand')")
    browser.until(f"{text('#audit')}.includes('from the page')")


def failed(browser):
    opened(browser)
    browser.until(f"{text('#failed')}.includes('upstream_connect_refused')")
    browser.until(f"{text('#errors')}.includes('upstream_connect_refused')")
    browser.until(f"{text('#clusters')}.includes(' failed')")


def phone(browser):
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        for width in (320, 360, 412):
            browser.size(width, 740, 2, True)
            opened(browser)
            time.sleep(1.5)
            wide = browser.ask("document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} at {width}"
        ground = browser.ask("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(244, 245, 247)", "dark": "rgb(15, 19, 23)"}[scheme], ground


def keyboard(browser):
    browser.size(1280, 900)
    opened(browser)
    reached = []
    for _ in range(40):
        browser.key("Tab", 9)
        reached.append(browser.ask("document.activeElement.dataset.act || document.activeElement.id"))
        if reached[-1] == "rollback":
            break
    assert {"drained", "search", "dry", "reload", "diff", "rollback"} <= set(reached), reached
    # The page is drawn anew each second, and the focus stays.
    time.sleep(2.5)
    assert browser.ask("document.activeElement.dataset.act") == "rollback"
    assert browser.ask("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.key("Enter", 13, "\r")
    browser.until(f"{text('[data-act=rollback]')}.startsWith('Sure?')")
    browser.ask("document.getElementById('search').focus()")
    for letter in "xyz":
        browser.key(letter, ord(letter.upper()), letter)
    browser.until("document.querySelectorAll('#routes tbody tr').length === 0")
    time.sleep(1.5)
    assert browser.ask("document.getElementById('search').value") == "xyz"


def token(browser):
    wrong, reader, writer = MORE
    browser.open(OWN + "/")

    def enter(value):
        browser.until(visible("#login"))
        browser.until("document.activeElement.id === 'token'")
        browser.ask(f"document.getElementById('token').value = {value!r}")
        browser.press("#login button")

    enter(wrong)
    browser.until(f"{text('#login-said')}.includes('not known')")
    assert not browser.ask(visible("#main"))
    enter(reader)
    browser.until(visible("#main"))
    browser.until(f"{text('#state')}.includes('ci (read)')")
    assert browser.ask("document.querySelectorAll('[data-act=reload], [data-act=rollback], #level').length") == 0
    assert browser.ask("localStorage.length") == 0 and browser.ask("document.cookie") == ""
    # It lives as long as the tab.
    browser.open(OWN + "/ui")
    browser.until(visible("#main"))
    browser.press("[data-act=forget]")
    enter(writer)
    browser.until(f"{text('#state')}.includes('ops (write)')")
    browser.press("[data-act=dry]")
    browser.until(f"{text('#message')}.includes('Dry run: unchanged')")
    # Requests without a token are refused, which the browser notes and the page handles.
    browser.errors = [error for error in browser.errors if "401" not in error]


def gone(browser):
    opened(browser)
    try:
        OPENER.open(OWN + "/looked")
    except urllib.error.HTTPError as error:
        assert error.code == 404
    browser.until(f"{text('#state')}.includes('no answer')")
    assert browser.ask(visible("#main")), "what was known stays"
    browser.errors = [error for error in browser.errors if "ERR_" not in error]


def picture(browser):
    stop, (address, path) = threading.Event(), MORE
    for paths in (("/orders/7", "/orders"), ("/", "/shoes", "/hats"), ("/reports",)):
        threading.Thread(target=traffic, args=(address, stop, paths), daemon=True).start()
    browser.size(1180, 900)
    opened(browser)
    for _ in range(75):
        # Events are read while it waits.
        browser.ask("1")
        time.sleep(1)
    browser.press("[data-act=diff][data-arg='2']")
    time.sleep(1.5)
    browser.ask("scrollTo(0, 0)")
    height = browser.ask("document.querySelector('#h-failed').getBoundingClientRect().top + scrollY - 8")
    browser.size(1180, int(height))
    time.sleep(1)
    shot = browser.call("Page.captureScreenshot", format="png")
    stop.set()
    with open(path, "wb") as file:
        file.write(base64.b64decode(shot["data"]))


BROWSER = Browser()
try:
    {"live": live, "rollout": rollout, "releases": releases, "failed": failed, "phone": phone, "keyboard": keyboard, "token": token, "gone": gone, "picture": picture}[CASE](BROWSER)
    assert not BROWSER.errors, BROWSER.errors
    strange = [url for url in BROWSER.urls if not url.startswith((OWN, "data:", "about:"))]
    assert not strange, strange
finally:
    BROWSER.close()
