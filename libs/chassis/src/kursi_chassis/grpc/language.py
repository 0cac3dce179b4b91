"""Which of our languages a client reads."""

import math
from functools import lru_cache

LANGUAGES = ("en", "ar")
_LEAST = 0.001


@lru_cache(maxsize=1024)
def negotiate(accept_language: str, otherwise: str = "") -> str:
    """The language to answer in: the best of `Accept-Language`, then `otherwise`, then English.

    Quality values count; `ar-SA` is Arabic; `*` is whatever `otherwise` says; q=0 rules a language out. A
    malformed header is read as far as it makes sense.
    """
    fallback = otherwise.partition("-")[0].lower()
    fallback = fallback if fallback in LANGUAGES else LANGUAGES[0]
    weights: dict[str, float] = {}
    for part in accept_language[:512].split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.partition("-")[0].strip().lower()
        name = fallback if language == "*" else language
        if name in LANGUAGES:
            weights.setdefault(name, _quality(parameters))
    best = max(weights, key=lambda name: weights[name], default=fallback)
    return (
        best if weights.get(best, 1.0) > 0 else next(name for name in (*LANGUAGES, fallback) if name != best)
    )


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        quality = math.nan
    # Whoever names a language and stumbles over its weight reads it all the same.
    return _LEAST if math.isnan(quality) else min(max(quality, 0.0), 1.0)
