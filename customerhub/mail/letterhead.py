"""The letterhead of an organisation's mails: its name, date format and brand."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.mail import inline_images
from models import BusinessEntity, Customer, Organisation
from models.base import db
from models.enums import DateFormat

DEFAULT_COLOUR: Final = "#3450c4"
MIN_CONTRAST: Final = 4.5  # the contrast that WCAG 2 asks of text (AA)
_COLOUR: Final = re.compile("#[0-9a-fA-F]{6}")
_WHITE: Final = "#ffffff"
_NEAR_BLACK: Final = "#050505"


@dataclass(frozen=True)
class Brand:
    """What a mail wears: on top its logo, by the address that HTML has for it, or else the name; the colour of its line
    and button; the lines at its foot.
    """

    name: str
    colour: str = DEFAULT_COLOUR
    foot: tuple[str, ...] = ()
    logo: str | None = None

    @property
    def text_colour(self) -> str:
        """The colour of text on `colour`."""
        return choose_text_colour(self.colour)


@dataclass(frozen=True)
class Letterhead:
    """What every mail of one organisation shares. `brand` is worn where a customer has no business entity."""

    organisation: str
    date_format: DateFormat
    brand: Brand


def get_letterhead(organisation_id: int) -> Letterhead:
    """The letterhead of an organisation. A caller that writes many mails reads it once and passes it on."""
    organisation = db.session.get_one(Organisation, organisation_id)
    default_entity = find_default_entity(organisation_id)
    brand = brand_of(default_entity) if default_entity is not None else Brand(organisation.name)
    return Letterhead(organisation.name, organisation.date_format, brand)


def find_default_entity(organisation_id: int) -> BusinessEntity | None:
    """The business entity, with its logo, whose brand is worn where a customer has none: the first active one."""
    return db.session.scalar(
        select(BusinessEntity)
        .where(BusinessEntity.organisation_id == organisation_id, BusinessEntity.active)
        .order_by(BusinessEntity.id)
        .limit(1)
        .options(joinedload(BusinessEntity.logo))
    )


def choose_brand(customer: Customer, letterhead: Letterhead) -> Brand:
    """The brand of mails about `customer`: that of its business entity, else the organisation's first."""
    entity: BusinessEntity | None = customer.business_entity
    return letterhead.brand if entity is None else brand_of(entity)


def brand_of(entity: BusinessEntity) -> Brand:
    """The brand of a business entity, with its registered name, address and numbers at the foot."""
    numbers = [
        f"{label} {number}"
        for label, number in (("Registration no.", entity.registration_number), ("VAT no.", entity.vat_number))
        if number
    ]
    foot = (entity.registered_name, format_address(entity), " · ".join(numbers))
    colour = entity.brand_colour if _COLOUR.fullmatch(entity.brand_colour) else DEFAULT_COLOUR
    return Brand(entity.name, colour, tuple(line for line in foot if line), inline_images.build_image_url(entity.logo))


def format_address(entity: BusinessEntity) -> str:
    """The address of a business entity in one line."""
    return ", ".join(line.strip(" ,") for line in entity.address.splitlines() if line.strip(" ,"))


def choose_text_colour(colour: str) -> str:
    """White where it can be read on `colour`, written as #rrggbb, else near-black: one of the two always can."""
    return _WHITE if calculate_contrast(_WHITE, colour) >= MIN_CONTRAST else _NEAR_BLACK


def calculate_contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 counts it, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
