"""Sixty searches over the invented salons of `bench.city`, each with a judge: which salons are what is meant."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from math import asin, cos, radians, sin, sqrt
from typing import Any, TypeAlias  # Any: the fields of a request have as many types
from uuid import UUID

from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.grpc.times import timestamp

from bench.city import CITIES, HOURS, InventedSalon, invented_salons

Judge: TypeAlias = Callable[[InventedSalon], bool]
Fields: TypeAlias = dict[str, Any]

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)  # 15:00 in Riyadh
EVENING = datetime(2026, 3, 12, 20, tzinfo=UTC)  # 23:00
PLACES = {city: (latitude, longitude) for city, _, latitude, longitude in CITIES}


@cache
def judged() -> dict[UUID, InventedSalon]:
    """The salons by id; inventing them takes half a second, which who only collects tests does not have."""
    return {salon.id: salon for salon in invented_salons()}


def named(*words: str) -> Judge:
    return lambda salon: set(words) <= set(salon.names["en"].split())


def offering(*services: str) -> Judge:
    return lambda salon: set(services) <= {offer.name for offer in salon.offers}


def by(person: str) -> Judge:
    return lambda salon: person in salon.people


def away(salon: InventedSalon, latitude: float, longitude: float) -> float:
    """Metres, by the haversine formula."""
    p, q = radians(latitude), radians(salon.latitude)
    half = sin((q - p) / 2) ** 2 + cos(p) * cos(q) * sin(radians(salon.longitude - longitude) / 2) ** 2
    return 2 * 6_371_008.8 * asin(sqrt(half))


def within(city: str, meters: int) -> Judge:
    return lambda salon: away(salon, *PLACES[city]) <= meters


def near(city: str, meters: int) -> Fields:
    latitude, longitude = PLACES[city]
    return {"near": latlng_pb2.LatLng(latitude=latitude, longitude=longitude), "radius_meters": meters}


def open_at(hour: int) -> Judge:
    return lambda salon: any(
        start <= minute < end
        for start, end in [HOURS[salon.hours]]
        for minute in (hour * 60, hour * 60 + 1440)
    )


def both(*judges: Judge) -> Judge:
    return lambda salon: all(judge(salon) for judge in judges)


def priced(low: int, high: int, category: str | None = None) -> Judge:
    return lambda salon: any(
        low <= offer.price <= high for offer in salon.offers if category in (None, offer.category)
    )


def q(query: str, *judges: Judge, **filters: Any) -> tuple[Fields, Judge]:  # Any: as above
    return {"query": query, **filters}, both(*judges)


GOLDEN: dict[str, tuple[Fields, Judge]] = {
    # Names as they are written, in part, in another order, in Arabic, in both.
    "a name": q("Rose Garden", named("Rose", "Garden")),
    "a name in capitals": q("PEARL STUDIO", named("Pearl", "Studio")),
    "a name backwards": q("spa amber", named("Amber", "Spa")),
    "half a name": q("Saffron", named("Saffron")),
    "the beginning of a name": q("laven", named("Lavender")),
    "two beginnings": q("cin bou", named("Cinnamon", "Boutique")),
    "a name with a sign": q("Velvet-House!", named("Velvet", "House")),
    "an Arabic name": q("الوردة حديقة", named("Rose", "Garden")),
    "an Arabic name without the article": q("وردة حديقة", named("Rose", "Garden")),
    "an Arabic name with an article too many": q("الياسمين الصالة", named("Jasmine", "Lounge")),
    "a name in two languages": q("اللؤلؤة studio", named("Pearl", "Studio")),
    "the end of an Arabic compound": q("تجميل القمر", named("Moonlight", "Beauty")),
    # Arabic as people type it.
    "ha for ta marbuta": q("الورده حديقه", named("Rose", "Garden")),
    "without hamza": q("الاناقة اكاديمية", named("Elegance", "Academy")),
    "without hamza on waw": q("اللولوه مشغل", named("Pearl", "Atelier")),
    "with vowel signs": q("الزَّعْفَران قَصر", named("Saffron", "Palace")),
    "stretched": q("الهـــلال ركن", named("Crescent", "Corner")),
    "ya for alef maqsura": q("الخزامي بوتيك", named("Lavender", "Boutique")),
    "an Arabic letter missing": q("الياسمن معرض", named("Jasmine", "Gallery")),
    "an Arabic letter too many": q("الزيتوون بيت", named("Olive", "House")),
    "a wrong Arabic letter": q("الزعفرام عيادة", named("Saffron", "Clinic")),
    "Arabic letters that sound alike": q("السقر قسر", named("Falcon", "Palace")),
    "a missing hamza letter": q("المراة صالة", named("Mirror", "Lounge")),
    # English as people type it.
    "a letter missing": q("safron garden", named("Saffron", "Garden")),
    "a letter too many": q("jassmine spa", named("Jasmine", "Spa")),
    "a wrong letter": q("lovender house", named("Lavender", "House")),
    "letters that changed places": q("pearl bueaty", named("Pearl", "Beauty")),
    "letters changed in a short word": q("saffron hosue", named("Saffron", "House")),
    "two letters wrong": q("serenety acadmey", named("Serenity", "Academy")),
    "two mistakes in two words": q("dimond galery", named("Diamond", "Gallery")),
    "with accents": q("pàlaçe ôasis", named("Oasis", "Palace")),
    "Latin for Arabic": q("jasmin atelier", named("Jasmine", "Atelier")),
    # Services, staff, cities, descriptions.
    "a service": q("keratin", offering("Keratin treatment")),
    "a service of two words": q("lash extensions", offering("Lash extensions")),
    "a service in Arabic": q("باقة العروس", offering("Bridal package")),
    "a service mistyped": q("pedicur", offering("Pedicure")),
    "a service mistyped in Arabic": q("مانكير", offering("Manicure")),
    "a category": q("massage", lambda salon: bool(salon.offers_in("massage"))),
    "a name and a service": q("rose henna", named("Rose"), offering("Henna design")),
    "a service and a city": q(
        "moroccan bath abha", offering("Moroccan bath"), lambda salon: salon.city in ("Abha", "أبها")
    ),
    "a service and a city in Arabic": q(
        "تنظيف البشرة الرياض", offering("Facial cleansing"), lambda salon: salon.city == "الرياض"
    ),
    "a person": q("ghadeer", by("Ghadeer")),
    "a person in Arabic": q("عبدالله", by("Abdullah")),
    "a person and a service": q("wejdan makeup", by("Wejdan"), offering("Evening makeup")),
    "a word of the description": q("vegan", lambda salon: "vegan" in salon.description["en"]),
    "a description in Arabic": q("قهوة طازجة", lambda salon: "coffee" in salon.description["en"]),
    # Filters, alone and with words.
    "a city": q("", lambda salon: salon.city == "جدة", city="جدّة"),
    "near": q("", within("Tabuk", 4_000), **near("Tabuk", 4_000)),
    "a name nearby": q("cedar", named("Cedar"), within("Riyadh", 8_000), **near("Riyadh", 8_000)),
    "a service nearby": q(
        "شعر",
        lambda salon: any("شعر" in offer.name_ar for offer in salon.offers),
        within("Abha", 9_000),
        **near("Abha", 9_000),
    ),
    "a category filter": q("", lambda salon: bool(salon.offers_in("lashes")), category="Lashes"),
    "a price range": q(
        "", priced(300_000, 400_000), minimum_price_minor=300_000, maximum_price_minor=400_000
    ),
    "a price of a category": q(
        "",
        priced(0, 16_000, "massage"),
        category="massage",
        maximum_price_minor=16_000,
        currency_code="SAR",
    ),
    "a word and a price": q("manicure", offering("Manicure"), priced(0, 5_000), maximum_price_minor=5_000),
    "a rating": q("", lambda salon: salon.rating >= 4.5, minimum_rating_hundredths=450),
    "a rating and words": q(
        "orchid", named("Orchid"), lambda salon: salon.rating >= 4.0, minimum_rating_hundredths=400
    ),
    "for women": q("", lambda salon: salon.serves in ("women", "everybody"), serves=pb.Salon.WOMEN),
    "for men with a shave": q(
        "hot towel shave",
        offering("Hot towel shave"),
        lambda salon: salon.serves in ("men", "everybody"),
        serves=pb.Salon.MEN,
    ),
    "open now": q("", open_at(15), open_now=True),
    "open late, by name": q("falcon", named("Falcon"), open_at(23), open_time=timestamp(EVENING)),
}
