"""What the demo shows of tags."""

from flask import Flask
from sqlalchemy import select

from models import Customer, Tag
from models.base import db
from models.enums import TagColour


def test_some_customers_have_tags(demo_app: Flask):
    with demo_app.app_context():
        tags = db.session.scalars(select(Tag)).all()
        customers = db.session.scalars(select(Customer).where(Customer.tags.any())).all()
        assert {tag.name: tag.colour for tag in tags} == {
            "Key account": TagColour.VIOLET,
            "Trade fair": TagColour.TEAL,
            "Newsletter": TagColour.GREY,
        }
        assert all(tag.active for tag in tags)
        assert {tag for customer in customers for tag in customer.tags} == set(tags)
        assert {len(customer.tags) for customer in customers} == {1, 2}
