"""Pictures of pages, made small: PNG with a palette."""

import struct
import zlib
from base64 import b64decode, b64encode
from collections import Counter

from playwright.async_api import Page

_COLOURS = 256
# The browser that has taken a picture can read it, too.
_PIXELS = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  let text = "";
  for (let start = 0; start < data.length; start += 32768)
    text += String.fromCharCode(...data.subarray(start, start + 32768));
  return [image.width, image.height, btoa(text)];
}"""


async def small_picture(page: Page) -> bytes:
    """A picture of what a page shows, in at most 256 colours."""
    taken = await page.screenshot(animations="disabled", caret="hide")
    width, height, pixels = await page.evaluate(_PIXELS, b64encode(taken).decode())
    return _png(width, height, b64decode(pixels))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of pixels of four bytes each; colours that are rare become the nearest that is not."""
    colours = memoryview(pixels).cast("I")
    palette = [colour for colour, _ in Counter(colours).most_common(_COLOURS)]
    places = {colour: place for place, colour in enumerate(palette)}
    for colour in set(colours) - set(places):
        places[colour] = min(
            range(len(palette)), key=lambda place: _distance(palette[place], colour)
        )
    indices = bytes(map(places.__getitem__, colours))
    lines = (b"\0" + indices[start : start + width] for start in range(0, len(indices), width))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(bytes(_channels(colour)) for colour in palette)),
            _chunk(b"IDAT", zlib.compress(b"".join(lines), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _channels(colour: int) -> tuple[int, int, int]:
    # The browser gives red first, and this machine reads the first byte as the lowest.
    return colour & 255, colour >> 8 & 255, colour >> 16 & 255


def _distance(one: int, other: int) -> int:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return sum((left - right) ** 2 for left, right in pairs)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
