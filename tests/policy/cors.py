"""Pages of two origins in a headless Chromium, and what they can do with an API of a third."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../admin"))
from browser import Browser

host, port, page = sys.argv[1:4]
API = f"http://{host}:{port}"

ASK = """(async () => {
  try {
    const answer = await fetch(%r, %s);
    return `${answer.status} ${answer.headers.get('x-request-id') !== null}`;
  } catch (error) { return error.name; }
})()"""


def ask(browser, path, options="{}"):
    return browser.ask(ASK % (API + path, options))


def check(got, expected, what):
    assert got == expected, f"{what}: {got}, not {expected}"


browser = Browser()
try:
    browser.open(f"http://127.0.0.1:{page}/")
    check(ask(browser, "/simple"), "200 true", "a plain GET, and a field that is exposed")
    check(ask(browser, "/cookies", "{credentials: 'include'}"), "200 true", "a GET with credentials")
    check(ask(browser, "/put", "{method: 'PUT', headers: {'X-A': '1'}, body: 'x'}"), "200 true", "a PUT after a preflight")
    check(ask(browser, "/delete", "{method: 'DELETE'}"), "TypeError", "a method that is not admitted")
    check(ask(browser, "/field", "{headers: {'X-C': '1'}}"), "TypeError", "a field that is not admitted")
    check(ask(browser, "/closed"), "401 false", "a refusal that the page can read")
    browser.open(f"http://localhost:{page}/")
    check(ask(browser, "/simple"), "TypeError", "a page of another origin")
    check(ask(browser, "/put", "{method: 'PUT'}"), "TypeError", "a page of another origin, with a preflight")
finally:
    browser.close()
