"""Make the pictures of the gallery from a page of the leaderboard.

    bench leaderboard --out leaderboard.html
    python scripts/screenshots.py leaderboard.html

Each table of docs/images/captions.toml with a ``view`` is a picture at 1440 and at 390 px, light
and dark: NAME.png, NAME-dark.png, NAME-phone.png and NAME-phone-dark.png. Needs Chromium and its
driver.
"""

import io
import shutil
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZES = {"": (1440, 1100), "-phone": (390, 1100)}
THEMES = {"": "light", "-dark": "dark"}
COLOURS = 128


def main(page: Path) -> None:
    """Write the pictures.

    Args:
        page: the leaderboard's HTML file.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    declared = tomllib.loads((FOLDER / "captions.toml").read_text(encoding="utf-8"))
    for name, said in declared.items():
        if "view" not in said:
            continue
        for size, (width, height) in SIZES.items():
            for theme, called in THEMES.items():
                address = f"{page.resolve().as_uri()}#{said['view']}&theme={called}"
                path = FOLDER / f"{name}{size}{theme}.png"
                path.write_bytes(_picture(driver, address, width, said.get("height", height)))
                print(path.name, path.stat().st_size)
    driver.quit()


def _picture(driver: Any, address: str, width: int, height: int) -> bytes:
    driver.get("about:blank")
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get(address)
    time.sleep(2)  # Charts are drawn after the table.
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    stream = io.BytesIO()
    image.quantize(COLOURS).save(stream, "PNG", optimize=True)
    return stream.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
