"""A process that develops one picture and ends: `python -m kursi_catalog.adapters.photo_child`.

The picture comes in on its input, and goes out as a line of JSON and the bytes of each size. Decoders of pictures are
written in C and read what strangers wrote: this process has no secrets, opens nothing, and may use so much memory and
processor time and no more, so that no picture can hurt the service.
"""

import json
import resource
import sys
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from kursi_catalog.adapters.photo_bytes import has_something_behind
from kursi_catalog.domain.photo import MOST_PIXELS, SIDES

MODULE: Final = "kursi_catalog.adapters.photo_child"
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_MEMORY: Final = 1024 * 1024 * 1024
_PROCESSOR_SECONDS: Final = 20
_QUALITY: Final = 82


class Refused(Exception):
    """The picture is not taken; the word says why."""


def main() -> None:
    """Read, answer, end."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout.buffer
    try:
        large = _opened(sys.stdin.buffer.read())
    except Refused as refused:
        out.write(json.dumps({"refused": str(refused)}).encode())
        return
    pictures = {size: _written(large, side) for size, side in SIDES.items()}
    width, height = large.size
    lengths = {size: len(picture) for size, picture in pictures.items()}
    out.write(json.dumps({"width": width, "height": height, "lengths": lengths}).encode() + b"\n")
    for picture in pictures.values():
        out.write(picture)


def _opened(content: bytes) -> Image.Image:
    """The picture upright, in sRGB, no larger than the largest size. Raises: Refused."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            _check(image, content)
            return _upright(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        # What Pillow raises, whatever is wrong with a file: it says so in its handbook.
        raise Refused("NOT_A_PHOTO") from error
    except Image.DecompressionBombError as error:
        raise Refused("TOO_MANY_PIXELS") from error


def _check(image: Image.Image, content: bytes) -> None:
    """What can be told before a pixel is decoded."""
    if image.width * image.height > MOST_PIXELS:
        raise Refused("TOO_MANY_PIXELS")
    # A JPEG with further pictures behind it is a photo with its depth or its neighbours; the first one is meant.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise Refused("ANIMATED")
    if has_something_behind(content):
        raise Refused("TRAILING_DATA")


def _upright(image: Image.Image) -> Image.Image:
    largest = max(SIDES.values())
    profile = image.info.get("icc_profile")
    image.draft(image.mode, (largest, largest))  # a large JPEG is decoded at a fraction of its size
    image.load()
    shown = _plain(image)
    shown.thumbnail((largest, largest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _in_srgb(ImageOps.exif_transpose(shown), profile)


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that can be made smaller."""
    if image.mode.startswith("I"):  # grey in 16 bits
        return image.convert("I").point(lambda value: value / 256).convert("L")
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    if image.mode in {"L", "RGB", "CMYK"} and not has_alpha:
        return image
    return image.convert("RGBA" if has_alpha else "RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours as screens show them; of a profile that makes no sense nothing is believed."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    if profile and colours.mode in {"RGB", "CMYK"}:
        try:
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            colours = (
                ImageCms.profileToProfile(colours, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
                or colours
            )
        except (ImageCms.PyCMSError, OSError):
            pass
    colours = colours.convert("RGB")
    if alpha:
        colours.putalpha(alpha)
    return colours


def _written(image: Image.Image, side: int) -> bytes:
    """The pixels, and nothing else that the file held."""
    bare = image.copy()
    bare.info = {}
    bare.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = BytesIO()
    bare.save(out, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()


if __name__ == "__main__":
    main()
