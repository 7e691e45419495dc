"""One page with everything on it, and one browser, for all tests."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from bench.report import leaderboard
from tests.report.leaderboard import fabricated

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)


@pytest.fixture(scope="session")
def showcase(tmp_path_factory):
    """A results folder as it could be."""
    return fabricated.showcase(tmp_path_factory.mktemp("showcase"))


@pytest.fixture(scope="session")
def page(showcase):
    """Its page."""
    path = showcase / "leaderboard.html"
    leaderboard.write(showcase, path)
    return path


@pytest.fixture(scope="session")
def chromium():
    """A headless browser that logs its network traffic and its console."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("no chromium with chromedriver (Debian: chromium and chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(programs[1])
        driver = webdriver.Chrome(options=options, service=service)
        yield Browser(driver)
        driver.quit()


class Browser:
    """What the tests do with a page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path: Path, view=""):
        """Load a page at a view, with empty logs."""
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(f"{path.as_uri()}{view}")
        shown = "main > .active table, main > .active .banner, main > .active .cards"
        self.wait(f"return document.querySelector('{shown}')")
        # Charts are drawn a moment after the table.
        self.wait("return !document.querySelector('main > .active .later')")
        return self

    def run(self, script, *arguments):
        """The value of a script."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        """The value of a script, once it is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, 10, 0.02).until(lambda _: self.run(script, *arguments))

    def find(self, selector):
        """The first element."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector):
        """The texts of all elements, without those that are hidden."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.trim())"
        )
        return self.run(script, selector)

    def complaints(self):
        """What the console says: errors of scripts, and what the policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """Every address that was asked for."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]
