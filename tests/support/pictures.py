"""Pictures for the documents: a screenshot with 256 colours of its own, a third of the bytes and no visible loss.

A test of a page that calls `picture` takes the mark `pictures`; `make pictures` runs those and keeps what they see.
"""

import base64
import os
import struct
import zlib

from playwright.async_api import Browser, Locator, Page

from tests.support.tree import ROOT

FOLDER = ROOT / "docs" / "pictures"
VARIABLE = "WARDLIGHT_TEST_PICTURES"
"""Set to 1, the pictures of the documents are taken anew."""
BYTES_MAX = 300_000

_QUANTISE = """
async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const byCount = [...counts].sort((a, b) => b[1] - a[1]).map(([pixel]) => pixel);
  const distance = (a, b) => Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]), Math.abs(a[2] - b[2]));
  const palette = [];
  for (const near of [12, 6, 3, 1]) {
    for (const pixel of byCount) {
      if (palette.length === 256) break;
      const colour = parts(pixel);
      if (!palette.some((known) => distance(known, colour) < near)) palette.push(colour);
    }
  }
  const indexOf = new Map();
  for (const pixel of byCount) {
    const colour = parts(pixel);
    let best = 0;
    palette.forEach((known, index) => { if (distance(known, colour) < distance(palette[best], colour)) best = index; });
    indexOf.set(pixel, best);
  }
  const indices = Uint8Array.from(pixels, (pixel) => indexOf.get(pixel));
  let text = "";
  for (let at = 0; at < indices.length; at += 8192) text += String.fromCharCode(...indices.subarray(at, at + 8192));
  return { width: image.width, height: image.height, palette: palette.flat(), indices: btoa(text) };
}
"""


async def picture(browser: Browser, shown: Page | Locator, name: str, *, full_page: bool = False) -> None:
    """Take the documents' screenshot `name`, of a page or a part of it; it is kept where the environment asks for it."""
    taken = await (shown.screenshot(full_page=full_page) if isinstance(shown, Page) else shown.screenshot())
    if os.environ.get(VARIABLE) == "1":
        small = await packed(browser, taken)
        assert len(small) < BYTES_MAX, f"{name} has {len(small)} bytes"
        (FOLDER / name).write_bytes(small)


async def packed(browser: Browser, png: bytes) -> bytes:
    """The picture as a PNG with a palette."""
    page = await browser.new_page()
    try:
        found = await page.evaluate(_QUANTISE, base64.b64encode(png).decode())
    finally:
        await page.close()
    width, height = found["width"], found["height"]
    indices = base64.b64decode(found["indices"])
    rows = b"".join(b"\0" + indices[at : at + width] for at in range(0, width * height, width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes(found["palette"])),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
