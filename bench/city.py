"""Five thousand invented salons, the same ones each time, for search to be measured and judged on."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

SALONS = 5_000
CITIES = (
    ("Riyadh", "الرياض", 24.7136, 46.6753),
    ("Jeddah", "جدة", 21.4858, 39.1925),
    ("Dammam", "الدمّام", 26.4207, 50.0888),
    ("Abha", "أبها", 18.2164, 42.5053),
    ("Tabuk", "تبوك", 28.3838, 36.5550),
)
FIRST = (
    ("Rose", "الوردة"), ("Pearl", "اللؤلؤة"), ("Amber", "العنبر"), ("Saffron", "الزعفران"), ("Velvet", "المخمل"),
    ("Cedar", "الأرز"), ("Lotus", "اللوتس"), ("Ruby", "الياقوت"), ("Olive", "الزيتون"), ("Jasmine", "الياسمين"),
    ("Diamond", "الألماس"), ("Crescent", "الهلال"), ("Oasis", "الواحة"), ("Falcon", "الصقر"), ("Gazelle", "الغزالة"),
    ("Orchid", "الأوركيد"), ("Silk", "الحرير"), ("Breeze", "النسيم"), ("Mirror", "المرآة"), ("Crown", "التاج"),
    ("Moonlight", "القمر"), ("Sunrise", "الشروق"), ("Elegance", "الأناقة"), ("Harmony", "الانسجام"),
    ("Serenity", "السكينة"), ("Majesty", "الجلالة"), ("Paradise", "الفردوس"), ("Marigold", "الأقحوان"),
    ("Lavender", "الخزامى"), ("Cinnamon", "القرفة"),
)  # fmt: skip
SECOND = (
    ("Beauty", "للتجميل"), ("Nails", "للأظافر"), ("Spa", "سبا"), ("Barbers", "للحلاقة"), ("Studio", "استوديو"),
    ("Lounge", "صالة"), ("Clinic", "عيادة"), ("Corner", "ركن"), ("House", "بيت"), ("Garden", "حديقة"),
    ("Atelier", "مشغل"), ("Palace", "قصر"), ("Gallery", "معرض"), ("Boutique", "بوتيك"), ("Academy", "أكاديمية"),
)  # fmt: skip
OFFERS = (
    ("hair", "Haircut", "قص شعر", 8000), ("hair", "Hair colour", "صبغة شعر", 30000),
    ("hair", "Keratin treatment", "كيراتين", 60000), ("hair", "Blow dry", "استشوار", 9000),
    ("barber", "Beard trim", "تهذيب اللحية", 4000), ("barber", "Hot towel shave", "حلاقة بالمنشفة", 6000),
    ("nails", "Manicure", "مانيكير", 7000), ("nails", "Pedicure", "بديكير", 9000),
    ("nails", "Gel polish", "طلاء جل", 12000), ("skin", "Facial cleansing", "تنظيف البشرة", 20000),
    ("skin", "Chemical peel", "تقشير", 45000), ("massage", "Swedish massage", "مساج سويدي", 25000),
    ("massage", "Hot stone massage", "مساج بالأحجار", 32000), ("makeup", "Evening makeup", "مكياج سهرة", 35000),
    ("bridal", "Bridal package", "باقة العروس", 250000), ("henna", "Henna design", "نقش حناء", 15000),
    ("bath", "Moroccan bath", "حمام مغربي", 22000), ("lashes", "Lash extensions", "تركيب رموش", 28000),
)  # fmt: skip
PEOPLE = (
    ("Sara", "سارة"), ("Noura", "نورة"), ("Fatimah", "فاطمة"), ("Maryam", "مريم"), ("Khalid", "خالد"),
    ("Yousef", "يوسف"), ("Abdullah", "عبدالله"), ("Huda", "هدى"), ("Layla", "ليلى"), ("Omar", "عمر"),
    ("Ghadeer", "غدير"), ("Wejdan", "وجدان"), ("Turki", "تركي"), ("Reem", "ريم"), ("Salman", "سلمان"),
)  # fmt: skip
TRAITS = (
    ("Quiet rooms and fresh coffee.", "غرف هادئة وقهوة طازجة."),
    ("Wheelchair friendly with valet parking.", "مناسب للكراسي المتحركة مع خدمة صف السيارات."),
    ("Only vegan cosmetics.", "مستحضرات نباتية فقط."),
    ("Playground for children.", "ركن ألعاب للأطفال."),
)
SYLLABLES = ("ba", "do", "fi", "ga", "hu", "ki", "la", "mo", "ne", "ra", "si", "tu", "wa", "zo")
HOURS = {"day": (9 * 60, 18 * 60), "evening": (16 * 60, 26 * 60), "always": (0, 24 * 60)}
EVERYBODY = ("everybody", "women", "women", "men", "families")


@dataclass(frozen=True, slots=True)
class Offer:
    category: str
    name: str
    name_ar: str
    price: int


@dataclass(frozen=True, slots=True)
class InventedSalon:
    """What a judge of search results may look at."""

    id: UUID
    names: Mapping[str, str]
    description: Mapping[str, str]
    city: str
    latitude: float
    longitude: float
    serves: str
    offers: Sequence[Offer]
    people: Sequence[str]
    hours: str
    ratings: tuple[int, int]

    @property
    def rating(self) -> float:
        """The average, or 0."""
        count, total = self.ratings
        return total / count if count else 0.0

    def offers_in(self, category: str) -> list[Offer]:
        """The services of a category."""
        return [one for one in self.offers if one.category == category]


def invented_salons(number: int = SALONS) -> Iterator[InventedSalon]:
    """The salons, always the same."""
    chance = random.Random(1447)
    for position in range(number):
        yield _salon(chance, position)


def _salon(chance: random.Random, position: int) -> InventedSalon:
    first, first_ar = FIRST[position % len(FIRST)]
    second, second_ar = SECOND[position // len(FIRST) % len(SECOND)]
    city, city_ar, latitude, longitude = chance.choice(CITIES)
    trait, trait_ar = chance.choice(TRAITS)
    founder = "".join(chance.choices(SYLLABLES, k=4)).title()
    count = chance.choice((0, 1, 8, 40, 200))
    return InventedSalon(
        id=UUID(int=0x0195_0000_0000_7000_8000_0000_0000_0000 + position),
        names={"en": f"{first} {second}", "ar": f"{first_ar} {second_ar}"},
        description={"en": f"{trait} Founded by {founder}.", "ar": trait_ar},
        city=city_ar if chance.random() < 0.5 else city,
        latitude=latitude + chance.gauss(0, 0.06),
        longitude=longitude + chance.gauss(0, 0.06),
        serves=chance.choice(EVERYBODY),
        offers=[
            Offer(category, name, name_ar, round(price * chance.uniform(0.6, 1.8) / 500) * 500)
            for category, name, name_ar, price in chance.sample(OFFERS, 8)
        ],
        people=[name for pair in chance.sample(PEOPLE, 3) for name in pair],
        hours=chance.choice(tuple(HOURS)),
        ratings=(count, sum(chance.choice((2, 3, 4, 5, 5)) for _ in range(count))),
    )


_SALON = """
INSERT INTO salons (id, slug, names, descriptions, city, latitude, longitude, territory_code, time_zone, currency_code,
    serves, status, create_time, update_time, hours, review_count, rating_sum)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'SA', 'Asia/Riyadh', 'SAR', %s, 'draft', now(), now(), %s, %s, %s)
"""
_SERVICE = """
INSERT INTO services (id, salon_id, category, names, duration_minutes, currency_code, price_minor, place, active,
    create_time, update_time)
VALUES (uuidv7(), %s, %s, %s, 45, 'SAR', %s, 'in_salon', true, now(), now())
"""
_PERSON = """
INSERT INTO staff_members (id, salon_id, display_names, bookable_online, create_time, update_time)
VALUES (uuidv7(), %s, %s, true, now(), now())
"""


async def settle(connection: psycopg.AsyncConnection[tuple[object, ...]], number: int = SALONS) -> None:
    """Write the salons; they go live at the very end, so that search takes each of them in once."""
    salons = list(invented_salons(number))
    async with connection.cursor() as cursor:
        await cursor.executemany(_SALON, [_salon_row(one) for one in salons])
        await cursor.executemany(
            _SERVICE,
            [
                (one.id, offer.category, Jsonb({"en": offer.name, "ar": offer.name_ar}), offer.price)
                for one in salons
                for offer in one.offers
            ],
        )
        await cursor.executemany(
            _PERSON,
            [
                (one.id, Jsonb({"en": name, "ar": name_ar}))
                for one in salons
                for name, name_ar in zip(one.people[::2], one.people[1::2], strict=True)
            ],
        )
        await cursor.execute("SET LOCAL statement_timeout = 0")
        await cursor.execute("UPDATE salons SET status = 'live' WHERE slug LIKE 'invented-%'")


def _salon_row(one: InventedSalon) -> tuple[object, ...]:
    during = list(HOURS[one.hours])
    hours = [{"weekday": day, "during": during, "breaks": []} for day in range(1, 8)]
    return (
        one.id, f"invented-{one.id.hex[-8:]}", Jsonb(one.names), Jsonb(one.description), one.city, one.latitude,
        one.longitude, one.serves, Jsonb(hours), *one.ratings,
    )  # fmt: skip
